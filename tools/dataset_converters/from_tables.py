"""Convert your own recordings: ``mobind convert tables``."""

from mobind_mm.cli import main

if __name__ == '__main__':
    main('convert', 'tables')

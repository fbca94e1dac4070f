"""Find the offset of sensors and a video: ``mobind sync``."""

from mobind_mm.cli import main

if __name__ == '__main__':
    main('sync')

"""Check recordings for likely mistakes: ``mobind check``."""

from mobind_mm.cli import main

if __name__ == '__main__':
    main('check')

"""Find who wears the sensors: ``mobind localize``."""

from mobind_mm.cli import main

if __name__ == '__main__':
    main('localize')

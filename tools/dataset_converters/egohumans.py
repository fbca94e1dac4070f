"""Convert EgoHumans: ``mobind convert egohumans``."""

from mobind_mm.cli import main

if __name__ == '__main__':
    main('convert', 'egohumans')

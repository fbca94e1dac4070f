"""Convert UTD-MHAD: ``mobind convert utd_mhad``."""

from mobind_mm.cli import main

if __name__ == '__main__':
    main('convert', 'utd_mhad')

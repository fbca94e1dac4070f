"""Convert mRI: ``mobind convert mri``."""

from mobind_mm.cli import main

if __name__ == '__main__':
    main('convert', 'mri')

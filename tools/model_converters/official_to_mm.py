"""Convert released weights: ``mobind import-weights``."""

from mobind_mm.cli import main

if __name__ == '__main__':
    main('import-weights')

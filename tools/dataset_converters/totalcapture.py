"""Convert TotalCapture: ``mobind convert totalcapture``."""

from mobind_mm.cli import main

if __name__ == '__main__':
    main('convert', 'totalcapture')

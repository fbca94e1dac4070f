"""Recognise actions: ``mobind recognize``."""

from mobind_mm.cli import main

if __name__ == '__main__':
    main('recognize')

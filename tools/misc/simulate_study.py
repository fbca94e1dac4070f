"""Simulate a study with a phone: ``mobind study``."""

from mobind_mm.cli import main

if __name__ == '__main__':
    main('study')

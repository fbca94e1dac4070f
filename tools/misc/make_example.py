"""Write files of simulated people: ``mobind example``."""

from mobind_mm.cli import main

if __name__ == '__main__':
    main('example')

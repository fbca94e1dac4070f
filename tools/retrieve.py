"""Find the video of sensors: ``mobind retrieve``."""

from mobind_mm.cli import main

if __name__ == '__main__':
    main('retrieve')

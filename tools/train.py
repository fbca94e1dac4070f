"""Train the model of a config: ``mobind train``."""

from mobind_mm.cli import main

if __name__ == '__main__':
    main('train')

"""Evaluate a checkpoint on all tasks: ``mobind test``."""

from mobind_mm.cli import main

if __name__ == '__main__':
    main('test')

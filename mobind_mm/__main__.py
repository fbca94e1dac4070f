"""``python -m mobind_mm`` is the command ``mobind``."""

from .cli import main

if __name__ == '__main__':
    main()

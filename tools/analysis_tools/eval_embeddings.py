"""Evaluate saved embeddings: ``mobind eval``."""

from mobind_mm.cli import main

if __name__ == '__main__':
    main('eval')

"""Fixtures of helpers.reader_fixtures."""

from reader_fixtures import logged, quick_collection, worn

__all__ = ['logged', 'quick_collection', 'worn']

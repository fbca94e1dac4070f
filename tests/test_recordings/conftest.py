"""Fixtures of helpers.reader_fixtures."""

from reader_fixtures import logged, quick_collection

__all__ = ['logged', 'quick_collection']

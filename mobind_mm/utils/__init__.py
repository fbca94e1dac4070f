"""Helpers that import nothing of the package."""

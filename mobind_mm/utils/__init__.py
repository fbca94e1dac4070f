"""Helpers that import nothing of the package."""

from .lazy import register_all_modules

__all__ = ['register_all_modules']

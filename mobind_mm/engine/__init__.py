"""Hooks and loops that MMEngine finds through the registries."""

"""Visualizers that MMEngine finds through the registries."""

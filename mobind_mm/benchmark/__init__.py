"""How fast everything is, against computing as the published recipe does."""

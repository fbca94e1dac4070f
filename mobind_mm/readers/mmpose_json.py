"""Moved to :mod:`.mmpose`."""

from .mmpose import read_mmpose_json, read_mmpose_video  # noqa: F401

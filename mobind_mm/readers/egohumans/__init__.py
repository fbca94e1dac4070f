"""EgoHumans: several people in one video; IMUs simulated from SMPL."""

from .reader import EgoHumansReader

__all__ = ['EgoHumansReader']

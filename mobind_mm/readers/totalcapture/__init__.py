"""TotalCapture: 13 Xsens IMUs, Vicon and 8 cameras, all at 60 Hz."""

from .reader import TotalCaptureReader

__all__ = ['TotalCaptureReader']

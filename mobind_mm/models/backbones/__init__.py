"""Encoders of one limb's stream."""

from .conv_former import ConvFormer

__all__ = ['ConvFormer']

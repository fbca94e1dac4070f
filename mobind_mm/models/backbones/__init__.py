"""Encoders of one limb's stream, and their contract."""

from .base import Backbone, StreamingBackbone, check_backbone, is_streaming
from .conv_former import ConvFormer

__all__ = [
    'Backbone',
    'ConvFormer',
    'StreamingBackbone',
    'check_backbone',
    'is_streaming',
]

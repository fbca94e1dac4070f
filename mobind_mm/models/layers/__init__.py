"""Layers with the parameters of PyTorch's own and less work."""

from .dropout import Dropout, ReLUDropout
from .time_conv import TimeConv
from .transformer_layer import TransformerLayer

__all__ = ['Dropout', 'ReLUDropout', 'TimeConv', 'TransformerLayer']

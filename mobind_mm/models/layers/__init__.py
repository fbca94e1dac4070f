"""Layers with the parameters of PyTorch's own and less work."""

from .dropout import Dropout
from .time_conv import TimeConv
from .transformer_layer import TransformerLayer

__all__ = ['Dropout', 'TimeConv', 'TransformerLayer']

"""Limb aggregation: (B, S, D) and a mask to (B, D)."""

from .concat_mlp_neck import ConcatMLPNeck
from .limb_attention_neck import LimbAttentionNeck

__all__ = ['ConcatMLPNeck', 'LimbAttentionNeck']

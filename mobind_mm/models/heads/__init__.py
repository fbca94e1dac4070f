"""Heads: own the temperature and the weights of their losses."""

from .hierarchical_contrastive_head import HierarchicalContrastiveHead
from .masked_token_head import MaskedTokenHead

__all__ = ['HierarchicalContrastiveHead', 'MaskedTokenHead']

"""The MoBind model and its parts."""

from .action import LimbTokenPool, MoBindClassifier
from .backbones import (
    Backbone,
    ConvFormer,
    StreamingBackbone,
    check_backbone,
    is_streaming,
)
from .heads import HierarchicalContrastiveHead, MaskedTokenHead
from .limb_model import LimbModel, MoBindDataPreprocessor
from .mobind import MoBind
from .necks import ConcatMLPNeck, LimbAttentionNeck, SubsetNeck
from .tokenizers import GravityIMUTokenizer, IMUTokenizer, LimbTokenizer

__all__ = [
    'Backbone',
    'ConcatMLPNeck',
    'ConvFormer',
    'GravityIMUTokenizer',
    'HierarchicalContrastiveHead',
    'IMUTokenizer',
    'LimbAttentionNeck',
    'LimbModel',
    'LimbTokenPool',
    'LimbTokenizer',
    'MaskedTokenHead',
    'MoBind',
    'MoBindClassifier',
    'MoBindDataPreprocessor',
    'StreamingBackbone',
    'SubsetNeck',
    'check_backbone',
    'is_streaming',
]

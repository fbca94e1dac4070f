"""The MoBind model and its parts."""

from .backbones import ConvFormer
from .classifiers import LimbTokenPool, MoBindClassifier
from .data_preprocessor import MoBindDataPreprocessor
from .heads import HierarchicalContrastiveHead, MaskedTokenHead
from .mobind import MoBind
from .necks import ConcatMLPNeck, LimbAttentionNeck
from .tokenizers import IMUTokenizer, LimbTokenizer

__all__ = [
    'ConcatMLPNeck',
    'ConvFormer',
    'HierarchicalContrastiveHead',
    'IMUTokenizer',
    'LimbAttentionNeck',
    'LimbTokenPool',
    'LimbTokenizer',
    'MaskedTokenHead',
    'MoBind',
    'MoBindClassifier',
    'MoBindDataPreprocessor',
]

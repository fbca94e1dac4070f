"""Action recognition on the encoders of MoBind."""

from .limb_token_pool import LimbTokenPool
from .mobind_classifier import MoBindClassifier

__all__ = ['LimbTokenPool', 'MoBindClassifier']

"""What users call: inference, models, conversions."""

from .inferencer import MoBindInferencer
from .model import init_model
from .model_zoo import find_model, list_models
from .official import convert_official

__all__ = [
    'MoBindInferencer',
    'convert_official',
    'find_model',
    'init_model',
    'list_models',
]

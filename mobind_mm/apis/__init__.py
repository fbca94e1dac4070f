"""What users call: models, conversions."""

from .model import init_model
from .official import convert_official

__all__ = ['convert_official', 'init_model']

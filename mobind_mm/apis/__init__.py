"""What users call: inference, models, conversions."""

from typing import TYPE_CHECKING

from ..utils.lazy import lazy_names

if TYPE_CHECKING:
    from .embedder import Embedder
    from .exporting import export_model
    from .inferencer import MoBindInferencer
    from .model import init_model
    from .model_zoo import find_model, list_models
    from .official import convert_official

__all__, __getattr__ = lazy_names(__name__)

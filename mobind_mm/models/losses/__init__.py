"""Loss arithmetic, nothing else: no weights, no temperature, no state.

Each returns one loss for each item, so that the mean can be taken over the
items of all chunks and processes.
"""

from .info_nce import info_nce
from .masked_mse import masked_mse
from .multi_positive_nce import multi_positive_nce
from .token_info_nce import token_info_nce

__all__ = ['info_nce', 'masked_mse', 'multi_positive_nce', 'token_info_nce']

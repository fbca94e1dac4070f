"""Raw streams to the channels that encoders see."""

from .imu_tokenizer import IMUTokenizer
from .limb_tokenizer import LimbTokenizer

__all__ = ['IMUTokenizer', 'LimbTokenizer']

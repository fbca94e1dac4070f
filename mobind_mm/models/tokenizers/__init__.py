"""Raw streams to the channels that encoders see."""

from .gravity_imu_tokenizer import GravityIMUTokenizer
from .imu_tokenizer import IMUTokenizer
from .limb_tokenizer import LimbTokenizer

__all__ = ['GravityIMUTokenizer', 'IMUTokenizer', 'LimbTokenizer']

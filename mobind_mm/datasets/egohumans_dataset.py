"""EgoHumans."""

from ..registry import DATASETS
from .imu_pose_dataset import IMUPoseDataset


@DATASETS.register_module()
class EgoHumansDataset(IMUPoseDataset):
    """EgoHumans: several people in one video; IMUs simulated from SMPL.

    The classes are the activities of the annotation file. Protocol: of
    activities 01 and 03 to 07, sequences 001 to 004 test and 005 validates;
    all others train.

    Source: Khirodkar, Bansal, Ma, Newcombe, Vo and Kitani, "EgoHumans: An
    Egocentric 3D Multi-Human Benchmark", ICCV 2023.
    """

    METAINFO = {'dataset_name': 'egohumans'}
    CONVERTER = 'tools/dataset_converters/egohumans.py'
    SOURCE = (
        'https://github.com/rawalkhirodkar/egohumans, and your own copy of '
        'the SMPL body model'
    )

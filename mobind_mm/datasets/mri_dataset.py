"""mRI."""

from ..registry import DATASETS
from .imu_pose_dataset import IMUPoseDataset


@DATASETS.register_module()
class MRIDataset(IMUPoseDataset):
    """mRI: rehabilitation exercises of 20 subjects, IMUs and video.

    Protocol: subjects 1 to 14 train, 16 and 18 validate, 15, 17, 19 and 20
    test.

    Source: An, Li and Ogras, "mRI: Multi-modal 3D Human Pose Estimation
    Dataset using mmWave, RGB-D, and Inertial Sensors", NeurIPS 2022.
    """

    METAINFO = {
        'dataset_name': 'mri',
        'classes': (
            't_pose',
            *(f'pose_{number}' for number in range(1, 11)),
            *('free_form', 'walk'),
        ),
    }
    CONVERTER = 'tools/dataset_converters/mri.py'
    SOURCE = 'https://sizhean.github.io/mri, on request, for research'

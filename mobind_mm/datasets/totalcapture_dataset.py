"""TotalCapture."""

from ..registry import DATASETS
from .imu_pose_dataset import IMUPoseDataset


@DATASETS.register_module()
class TotalCaptureDataset(IMUPoseDataset):
    """TotalCapture: 13 Xsens IMUs and 8 calibrated cameras at 60 Hz.

    Protocol: subjects 1 to 3 train, 4 validates, 5 tests.

    Source: Trumble, Gilbert, Malleson, Hilton and Collomosse, "Total
    Capture: 3D Human Pose Estimation Fusing Video and Inertial Sensors",
    BMVC 2017.
    """

    METAINFO = {
        'dataset_name': 'totalcapture',
        'classes': ('acting', 'freestyle', 'rom', 'walking'),
    }
    CONVERTER = 'tools/dataset_converters/totalcapture.py'
    SOURCE = 'https://cvssp.org/data/totalcapture/, on request, for research'

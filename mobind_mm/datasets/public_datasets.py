"""The public datasets as MMEngine datasets."""

from ..readers.public import EGO_HUMANS, MRI, TOTAL_CAPTURE, UTD_MHAD
from ..registry import DATASETS
from .imu_pose_dataset import IMUPoseDataset


@DATASETS.register_module()
class UTDMHADDataset(IMUPoseDataset):
    """UTD-MHAD: 27 actions of 8 subjects, one IMU and a Kinect skeleton.

    The sensor is on the right wrist in actions 1 to 21 and on the right
    thigh in the others; it gives no orientation. Protocol: odd subjects for
    training, even subjects for testing.

    Source: Chen, Jafari and Kehtarnavaz, "UTD-MHAD: A Multimodal Dataset
    for Human Action Recognition", ICIP 2015.
    """

    METAINFO = dict(UTD_MHAD.metainfo)
    CONVERTER = UTD_MHAD.converter
    SOURCE = UTD_MHAD.source


@DATASETS.register_module()
class TotalCaptureDataset(IMUPoseDataset):
    """TotalCapture: 13 Xsens IMUs and 8 calibrated cameras at 60 Hz.

    Protocol: subjects 1 to 3 for training, 4 for validation, 5 for testing.

    Source: Trumble, Gilbert, Malleson, Hilton and Collomosse, "Total
    Capture: 3D Human Pose Estimation Fusing Video and Inertial Sensors",
    BMVC 2017.
    """

    METAINFO = dict(TOTAL_CAPTURE.metainfo)
    CONVERTER = TOTAL_CAPTURE.converter
    SOURCE = TOTAL_CAPTURE.source


@DATASETS.register_module()
class MRIDataset(IMUPoseDataset):
    """mRI: rehabilitation exercises of 20 subjects, IMUs and video.

    Protocol: subjects 1 to 14 for training, 16 and 18 for validation, 15, 17,
    19 and 20 for testing.

    Source: An, Li and Ogras, "mRI: Multi-modal 3D Human Pose Estimation
    Dataset using mmWave, RGB-D, and Inertial Sensors", NeurIPS 2022.
    """

    METAINFO = dict(MRI.metainfo)
    CONVERTER = MRI.converter
    SOURCE = MRI.source


@DATASETS.register_module()
class EgoHumansDataset(IMUPoseDataset):
    """EgoHumans: several people in one video; IMUs simulated from SMPL.

    The classes are the activities of the annotation file. Protocol: of
    activities 01 and 03 to 07, sequences 001 to 004 are for testing and 005
    for validation; all others are for training.

    Source: Khirodkar, Bansal, Ma, Newcombe, Vo and Kitani, "EgoHumans: An
    Egocentric 3D Multi-Human Benchmark", ICCV 2023.
    """

    METAINFO = dict(EGO_HUMANS.metainfo)
    CONVERTER = EGO_HUMANS.converter
    SOURCE = EGO_HUMANS.source

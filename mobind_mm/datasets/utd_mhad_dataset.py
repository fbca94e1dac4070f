"""UTD-MHAD."""

from ..registry import DATASETS
from .imu_pose_dataset import IMUPoseDataset


@DATASETS.register_module()
class UTDMHADDataset(IMUPoseDataset):
    """UTD-MHAD: 27 actions of 8 subjects, one IMU and a Kinect skeleton.

    The sensor is on the right wrist in actions 1 to 21 and on the right
    thigh in the others; it has no orientation. Protocol: odd subjects
    train, even subjects test.

    Source: Chen, Jafari and Kehtarnavaz, "UTD-MHAD: A Multimodal Dataset
    for Human Action Recognition", ICIP 2015.
    """

    METAINFO = {
        'dataset_name': 'utd_mhad',
        'classes': (
            *('swipe_left', 'swipe_right', 'wave', 'clap', 'throw'),
            *('arm_cross', 'basketball_shoot', 'draw_x'),
            *('draw_circle_clockwise', 'draw_circle_counter_clockwise'),
            *('draw_triangle', 'bowling', 'boxing', 'baseball_swing'),
            *('tennis_swing', 'arm_curl', 'tennis_serve', 'push', 'knock'),
            *('catch', 'pickup_and_throw', 'jog', 'walk', 'sit_to_stand'),
            *('stand_to_sit', 'lunge', 'squat'),
        ),
    }
    CONVERTER = 'tools/dataset_converters/utd_mhad.py'
    SOURCE = (
        'Inertial.zip and Skeleton.zip from '
        'https://personal.utdallas.edu/~kehtar/UTD-MHAD.html'
    )

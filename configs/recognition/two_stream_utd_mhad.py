# Action recognition on UTD-MHAD from IMU and pose, from random weights.
_base_ = [
    '../_base_/recognition/utd_mhad_two_stream.py',
    '../_base_/recognition/model_two_stream.py',
    '../_base_/recognition/schedule_30e.py',
    '../_base_/recognition/runtime.py',
]

model = dict(
    backbone=dict(
        imu=dict(
            limbs=_base_.placements,
            rate=_base_.imu_rate,
            window_sec=_base_.window_sec,
        ),
        pose=dict(
            limbs=_base_.placements,
            rate=_base_.pose_rate,
            window_sec=_base_.window_sec,
        ),
    )
)

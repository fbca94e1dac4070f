# Action recognition on UTD-MHAD with MoBind's IMU encoder, from random
# weights.
_base_ = [
    '../_base_/recognition/utd_mhad_imu.py',
    '../_base_/recognition/model_imu.py',
    '../_base_/recognition/schedule_30e.py',
    '../_base_/recognition/runtime.py',
]

model = dict(
    backbone=dict(
        limbs=_base_.placements,
        rate=_base_.imu_rate,
        window_sec=_base_.window_sec,
    )
)

# Action recognition on UTD-MHAD with MoBind's pose encoder, from random
# weights.
_base_ = [
    '../_base_/recognition/utd_mhad_pose.py',
    '../_base_/recognition/model_pose.py',
    '../_base_/recognition/schedule_30e.py',
    '../_base_/recognition/runtime.py',
]

model = dict(
    backbone=dict(
        limbs=_base_.placements,
        rate=_base_.pose_rate,
        window_sec=_base_.window_sec,
    )
)

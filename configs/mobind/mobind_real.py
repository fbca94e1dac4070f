# The model for real people and real sensors: any of 15 placements, any
# channels beside acceleration, windows from 1 s on. The shipped weights took
# an hour and three quarters on one thread of a machine that did other work.
_base_ = [
    '../_base_/datasets/motion_capture.py',
    '../_base_/models/mobind_any_sensor.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]

model = dict(
    limbs=_base_.placements,
    imu_rate=_base_.imu_rate,
    pose_rate=_base_.pose_rate,
    window_sec=_base_.window_sec,
)
train_cfg = dict(max_epochs=19, val_interval=5)
optim_wrapper = dict(
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0)
)
param_scheduler = [dict(_base_.warm_up, end=1), dict(_base_.decay, begin=1)]

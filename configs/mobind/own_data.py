# Your own recordings (docs/own_data.md): acc and gyro of up to five sensors.
# The model is that of synthetic.py, so training can start from its weights.
_base_ = [
    '../_base_/datasets/own_data.py',
    '../_base_/models/mobind_small.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]

model = dict(
    limbs=_base_.placements,
    imu_rate=_base_.imu_rate,
    pose_rate=_base_.pose_rate,
    window_sec=_base_.window_sec,
)
auto_scale_lr = dict(base_batch_size=32)
train_cfg = dict(max_epochs=60, val_interval=5)
param_scheduler = [dict(_base_.warm_up, end=3), dict(_base_.decay, begin=3)]

# The first training run in the README: a few minutes on two CPU cores, no
# download.
_base_ = [
    '../_base_/datasets/synthetic.py',
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
train_dataloader = dict(batch_size=32)
auto_scale_lr = dict(base_batch_size=32)
train_cfg = dict(max_epochs=12, val_interval=4)
param_scheduler = [dict(_base_.warm_up, end=1), dict(_base_.decay, begin=1)]

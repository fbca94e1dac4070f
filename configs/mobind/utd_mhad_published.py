# The released per-limb recipe (stage 1) on UTD-MHAD, at the rates of the
# sensor and of the published pose stream. After 120 epochs it stops improving.
_base_ = [
    '../_base_/datasets/utd_mhad_published.py',
    '../_base_/models/mobind_published.py',
    '../_base_/default_runtime.py',
]

model = dict(
    limbs=_base_.placements,
    imu_rate=_base_.imu_rate,
    pose_rate=_base_.pose_rate,
    window_sec=_base_.window_sec,
    imu_backbone=dict(in_channels=6),
    imu_neck=None,
    pose_neck=None,
    head=dict(global_weight=0.0, local_weight=1.0, token_weight=0.5),
    masked_token_head=None,
)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=3e-4, weight_decay=1e-4),
)
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=120, val_interval=40)
auto_scale_lr = dict(enable=False, base_batch_size=64)
# The protocol has no validation subjects, so no checkpoint is selected.
default_hooks = dict(checkpoint=dict(interval=10, save_best=None))

# Action recognition on UTD-MHAD from IMU and pose. Starts from a MoBind
# checkpoint with --load-from work_dirs/utd_mhad/epoch_300.pth, otherwise from
# random weights. All values were chosen on training subjects, see README.md.
_base_ = [
    '../_base_/datasets/utd_mhad_action.py',
    '../_base_/models/mobind_classifier_small.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]

model = dict(
    limbs=_base_.placements,
    imu_rate=_base_.imu_rate,
    pose_rate=_base_.pose_rate,
    window_sec=_base_.window_sec,
)
train_cfg = dict(max_epochs=30, val_interval=30)
optim_wrapper = dict(
    optimizer=dict(lr=1e-3),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
auto_scale_lr = dict(base_batch_size=32)
default_hooks = dict(
    checkpoint=dict(interval=30, save_best=None),
    training_curve=dict(metrics=['action/top1', 'action/macro_f1']),
    early_stopping=dict(monitor='action/top1'),
)

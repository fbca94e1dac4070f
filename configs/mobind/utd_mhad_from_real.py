# UTD-MHAD from the shipped weights instead of from nothing. The
# model stays per limb: a recording has one sensor. docs/results_choices.md
# shows what each choice brought, on training subjects alone.
_base_ = [
    '../_base_/datasets/utd_mhad_any_sensor.py',
    '../_base_/models/mobind_any_sensor.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]

# Features of limbs are the means of two halves of a window, not of five parts,
# which differ more from person to person; their map is learned anew.
encoder = dict(num_segments=2, dropout=0.1, out_dropout=0.1)
weights = dict(
    type='Pretrained',
    checkpoint='mobind_mm/checkpoints/mobind_real_20261128-75e88630.pth',
)
model = dict(
    limbs=_base_.placements,
    imu_rate=_base_.imu_rate,
    pose_rate=_base_.pose_rate,
    # Longest window, as in mobind_real.py; those of the data set have 2 s.
    window_sec=5.0,
    # Sensors are always worn alike, and always have a gyroscope.
    imu_tokenizer=dict(
        drop_quat=0.0, drop_gyro=0.0, rotate=False, channel_dropout=0.05
    ),
    pose_tokenizer=dict(channel_dropout=0.05),
    imu_backbone=dict(encoder, init_cfg=dict(weights, prefix='imu_backbone')),
    pose_backbone=dict(
        encoder, init_cfg=dict(weights, prefix='pose_backbone')
    ),
    imu_neck=None,
    pose_neck=None,
    # The labels of the data set also say which windows are alike.
    head=dict(global_weight=0.0, action_weight=0.3, embed_dims=160),
)
train_cfg = dict(max_epochs=360, val_interval=120)
optim_wrapper = dict(
    optimizer=dict(lr=1.5e-3),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
param_scheduler = [dict(_base_.warm_up, end=36), dict(_base_.decay, begin=36)]
default_hooks = dict(
    checkpoint=dict(interval=120, max_keep_ckpts=3, save_best=None)
)

# UTD-MHAD from the shipped weights (load_from) instead of from nothing. The
# model stays per limb: a recording has one sensor. docs/results_choices.md
# shows what each choice brought, on training subjects alone.
_base_ = [
    '../_base_/datasets/utd_mhad_any_sensor.py',
    '../_base_/models/mobind_any_sensor.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]

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
    imu_neck=None,
    pose_neck=None,
    head=dict(global_weight=0.0),
)
load_from = 'mobind_mm/checkpoints/mobind_real_20261128-75e88630.pth'
train_cfg = dict(max_epochs=60, val_interval=20)
optim_wrapper = dict(
    optimizer=dict(lr=1e-3),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
param_scheduler = [
    dict(_base_.warm_up, end=6),
    dict(_base_.decay, begin=6),
]
default_hooks = dict(
    checkpoint=dict(interval=20, max_keep_ckpts=3, save_best=None)
)

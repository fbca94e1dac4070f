# UTD-MHAD, one sensor a take: the model stays per limb. What the choices
# bought on training subjects alone (1 and 3 train, 5 validates, 108 takes,
# one seed) is in README.md of this directory.
_base_ = [
    '../_base_/datasets/utd_mhad.py',
    '../_base_/models/mobind_small.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]

encoder = dict(window_sec=2.0, conv_channels=(32, 64, 128), num_segments=2)
model = dict(
    imu_tokenizer=dict(channel_dropout=0.1),
    pose_tokenizer=dict(
        limbs=('right_wrist', 'right_thigh'), rate=20, channel_dropout=0.1
    ),
    imu_backbone=dict(rate=50, **encoder),
    pose_backbone=dict(rate=20, **encoder),
    # One sensor a take: the model stays per limb.
    imu_neck=None,
    pose_neck=None,
    head=dict(global_weight=0.0),
    masked_token_head=None,
)
default_hooks = dict(checkpoint=dict(interval=10, save_best=None))

train_cfg = dict(max_epochs=300, val_interval=100)
optim_wrapper = dict(
    optimizer=dict(lr=5e-4),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.01,
        begin=0,
        end=5,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min=0.0,
        begin=5,
        end=300,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]

# UTD-MHAD, one sensor per recording: the model stays per limb. README.md in
# this directory shows the effect of each choice on training subjects alone (1
# and 3 for training, 5 for validation, 108 recordings, one seed).
_base_ = [
    '../_base_/datasets/utd_mhad.py',
    '../_base_/models/mobind_small.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]

encoder = dict(conv_channels=(32, 64, 128), num_segments=2)
model = dict(
    limbs=_base_.placements,
    imu_rate=_base_.imu_rate,
    pose_rate=_base_.pose_rate,
    window_sec=_base_.window_sec,
    imu_tokenizer=dict(channel_dropout=0.1),
    pose_tokenizer=dict(channel_dropout=0.1),
    imu_backbone=encoder,
    pose_backbone=encoder,
    # One sensor per recording: the model stays per limb.
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

# Ablation on UTD-MHAD: the whole single-stage objective. Unlike utd_mhad.py
# it has necks, so that there is a clip embedding for the global term: the
# IMU's from the one sensor of the take, the pose's from both limbs, because
# the sensor of a gallery clip must not show. 60 epochs for every row.
_base_ = '../utd_mhad.py'

neck = dict(type='LimbAttentionNeck', num_limbs=2, embed_dims=128)
model = dict(
    imu_neck=dict(_delete_=True, **neck),
    pose_neck=dict(_delete_=True, **neck),
    head=dict(global_weight=1.0),
    masked_token_head=dict(
        _delete_=True,
        type='MaskedTokenHead',
        num_limbs=2,
        num_tokens=10,
        embed_dims=128,
        num_layers=1,
        num_heads=4,
        ffn_dims=256,
        dropout=0.0,
        loss_weight=0.3,
    ),
)
train_cfg = dict(max_epochs=60, val_interval=60)
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
        end=60,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]

# Ablation on UTD-MHAD: the full single-stage objective. Unlike utd_mhad.py, it
# has necks, so that there is a clip embedding for the global term. For the
# IMU, it covers the one sensor of the recording; for the pose, it covers both
# limbs, because a gallery clip must not reveal its sensor. 60 epochs per row.
_base_ = '../utd_mhad.py'

neck = dict(_delete_=True, type='LimbAttentionNeck')
model = dict(
    imu_neck=neck,
    pose_neck=neck,
    head=dict(global_weight=1.0),
    masked_token_head=dict(
        _delete_=True,
        type='MaskedTokenHead',
        num_layers=1,
        num_heads=4,
        ffn_dims=256,
        dropout=0.0,
        loss_weight=0.3,
    ),
)
train_cfg = dict(max_epochs=60, val_interval=60)

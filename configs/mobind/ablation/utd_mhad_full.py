# Ablation on UTD-MHAD: the whole single-stage objective. Unlike utd_mhad.py
# it has necks, so that there is a clip embedding for the global term: the
# IMU's from the one sensor of the recording, the pose's from both limbs,
# because the sensor of a gallery clip must not show. 60 epochs for every row.
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

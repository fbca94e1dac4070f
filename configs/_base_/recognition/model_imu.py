# MoBind's IMU encoder (that of mobind_small.py, as UTD-MHAD has it) as the
# backbone of MMAction2's skeleton recogniser: sensors are its joints.
_base_ = '../models/utd_mhad_parts.py'

model = dict(
    type='RecognizerGCN',
    backbone=dict(
        type='mobind_mm.IMULimbBackbone',
        num_limbs=5,
        out_dims=256,
        tokenizer=_base_.imu_tokenizer,
        encoder=dict(_base_.encoder, in_channels=8, rate=50),
    ),
    cls_head=dict(
        type='GCNHead',
        num_classes=27,
        in_channels=256,
        dropout=0.5,
        label_smooth_eps=0.1,
    ),
)

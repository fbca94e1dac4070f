# A classifier on the encoders of mobind_small, as UTD-MHAD has them. Without
# one of the backbones it looks at the other modality alone.
_base_ = './utd_mhad_parts.py'

model = dict(
    type='MoBindClassifier',
    num_classes=27,
    num_limbs=5,
    imu_tokenizer=_base_.imu_tokenizer,
    pose_tokenizer=_base_.pose_tokenizer,
    imu_backbone=dict(_base_.encoder, in_channels=8, rate=50),
    pose_backbone=dict(_base_.encoder, in_channels=16, rate=20),
    hidden_dims=256,
    dropout=0.5,
    label_smoothing=0.1,
)

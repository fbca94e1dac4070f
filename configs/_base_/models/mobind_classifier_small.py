# A classifier on the encoders of mobind_small, as UTD-MHAD has them. Without
# one of the backbones it looks at the other modality alone. A leaf sets limbs,
# imu_rate, pose_rate and window_sec of its data.
_base_ = './utd_mhad_parts.py'

model = dict(
    type='MoBindClassifier',
    num_classes=27,
    imu_tokenizer=_base_.imu_tokenizer,
    pose_tokenizer=_base_.pose_tokenizer,
    imu_backbone=_base_.encoder,
    pose_backbone=_base_.encoder,
    hidden_dims=256,
    dropout=0.5,
    label_smoothing=0.1,
)

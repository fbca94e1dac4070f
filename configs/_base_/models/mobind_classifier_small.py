# A classifier on the encoders of mobind_small, in the variant for UTD-MHAD.
# Without one of the backbones, it uses the other modality alone. A derived
# config sets limbs, imu_rate, pose_rate and window_sec for its data.
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

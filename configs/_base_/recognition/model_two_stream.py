# Both encoders of mobind_small.py, in the variant for UTD-MHAD, in MMAction2's
# multimodal recogniser. A derived config sets limbs, rate and window_sec for
# its data.
_base_ = '../models/utd_mhad_parts.py'

model = dict(
    type='MMRecognizer3D',
    data_preprocessor=dict(
        type='MultiModalDataPreprocessor',
        preprocessors=dict(
            imu=dict(type='ActionDataPreprocessor'),
            keypoint=dict(type='ActionDataPreprocessor'),
        ),
    ),
    backbone=dict(
        type='mobind_mm.TwoStreamBackbone',
        imu=dict(
            type='IMULimbBackbone',
            tokenizer=_base_.imu_tokenizer,
            encoder=_base_.encoder,
        ),
        pose=dict(
            type='PoseLimbBackbone',
            tokenizer=_base_.pose_tokenizer,
            encoder=_base_.encoder,
        ),
    ),
    cls_head=dict(
        type='mobind_mm.TwoStreamHead',
        num_classes=27,
        in_channels=256,
        dropout=0.5,
        label_smooth_eps=0.1,
    ),
)

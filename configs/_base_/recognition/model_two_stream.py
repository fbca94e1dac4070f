# Both encoders of mobind_small.py, as UTD-MHAD has them, in MMAction2's
# recogniser of several modalities.
encoder = dict(
    type='ConvFormer',
    window_sec=2.0,
    conv_channels=(32, 64, 128),
    conv_dropout=0.0,
    embed_dims=128,
    num_layers=2,
    num_heads=4,
    ffn_dims=256,
    dropout=0.0,
    out_dropout=0.0,
    num_segments=2,
    norm_first=True,
)
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
            num_limbs=5,
            tokenizer=dict(
                type='IMUTokenizer',
                channels=('acc', 'gyro'),
                features=dict(
                    acc=0.1, gyro=0.33, acc_norm=0.2, gyro_norm=0.33
                ),
                channel_dropout=0.1,
            ),
            encoder=dict(encoder, in_channels=8, rate=50),
        ),
        pose=dict(
            type='PoseLimbBackbone',
            num_limbs=5,
            tokenizer=dict(
                type='LimbTokenizer',
                limbs=(
                    *('left_wrist', 'right_wrist'),
                    *('left_thigh', 'right_thigh', 'pelvis'),
                ),
                rate=20,
                features=dict(relative=1.0, velocity=0.33, acceleration=0.05),
                channel_dropout=0.1,
            ),
            encoder=dict(encoder, in_channels=16, rate=20),
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

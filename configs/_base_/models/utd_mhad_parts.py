# Tokenizers and encoder of mobind_small.py in the variant for UTD-MHAD, for
# models that combine them differently (they read _base_.encoder etc.).
encoder = dict(
    type='ConvFormer',
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
imu_tokenizer = dict(
    type='IMUTokenizer',
    channels=('acc', 'gyro'),
    features=dict(acc=0.1, gyro=0.33, acc_norm=0.2, gyro_norm=0.33),
    channel_dropout=0.1,
)
pose_tokenizer = dict(
    type='LimbTokenizer',
    features=dict(relative=1.0, velocity=0.33, acceleration=0.05),
    channel_dropout=0.1,
)

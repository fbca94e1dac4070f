# Motion channels instead of raw ones, a small encoder that trains on two CPU
# cores and keeps temporal order, aggregation over any subset of sensors, and
# the paper's single-stage objective. A derived config sets limbs, imu_rate,
# pose_rate and window_sec once; the model passes them to its parts.
encoder = dict(
    type='ConvFormer',
    conv_channels=(32, 64, 64),
    conv_dropout=0.0,
    embed_dims=128,
    num_layers=2,
    num_heads=4,
    ffn_dims=256,
    dropout=0.0,
    out_dropout=0.0,
    num_segments=5,
    norm_first=True,
)
model = dict(
    type='MoBind',
    imu_tokenizer=dict(
        type='IMUTokenizer',
        channels=('acc', 'gyro'),
        features=dict(acc=0.1, gyro=0.33, acc_norm=0.2, gyro_norm=0.33),
    ),
    pose_tokenizer=dict(
        type='LimbTokenizer',
        features=dict(relative=1.0, velocity=0.33, acceleration=0.05),
    ),
    imu_backbone=encoder,
    pose_backbone=encoder,
    imu_neck=dict(type='LimbAttentionNeck'),
    pose_neck=dict(type='LimbAttentionNeck'),
    head=dict(
        type='HierarchicalContrastiveHead',
        global_weight=1.0,
        local_weight=1.0,
        token_weight=0.5,
    ),
    masked_token_head=dict(
        type='MaskedTokenHead',
        num_layers=1,
        num_heads=4,
        ffn_dims=256,
        dropout=0.0,
        loss_weight=0.3,
    ),
)

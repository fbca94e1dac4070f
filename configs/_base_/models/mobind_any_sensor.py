# For sensors that measure anything beside acceleration, worn anywhere, in
# windows of any whole number of tokens from one second on. A derived config
# sets limbs, imu_rate, pose_rate and window_sec once.
encoder = dict(
    type='ConvFormer',
    conv_channels=(32, 64, 96),
    conv_dropout=0.0,
    embed_dims=160,
    num_layers=3,
    num_heads=4,
    ffn_dims=320,
    dropout=0.0,
    out_dropout=0.0,
    num_segments=5,
    norm_first=True,
    positions='relative',
)
model = dict(
    type='MoBind',
    # A third of the recordings has acceleration alone, a third lacks
    # orientation, and sensors are worn at any angle.
    imu_tokenizer=dict(
        type='GravityIMUTokenizer',
        drop_quat=0.6,
        drop_gyro=0.45,
        rotate=True,
        channel_dropout=0.03,
    ),
    pose_tokenizer=dict(
        type='LimbTokenizer',
        features=dict(
            relative=1.0,
            velocity=0.33,
            acceleration=0.05,
            point_velocity=0.33,
            point_acceleration=0.05,
            bone=1.0,
            bone_turn=0.33,
            place=1.0,
        ),
        channel_dropout=0.03,
    ),
    imu_backbone=encoder,
    pose_backbone=encoder,
    imu_neck=dict(type='SubsetNeck'),
    pose_neck=dict(type='SubsetNeck'),
    head=dict(
        type='HierarchicalContrastiveHead',
        global_weight=1.0,
        local_weight=1.0,
        token_weight=0.5,
    ),
    # Tokens are paired across different positions in the window.
    random_crops=dict(min_tokens=5, full_prob=0.4, shift_prob=0.5),
)

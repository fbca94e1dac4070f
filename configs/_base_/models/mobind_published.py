# The published encoder and aggregation with the paper's single-stage
# objective. A leaf sets rates, num_limbs and the number of tokens.
model = dict(
    type='MoBind',
    # Coordinates as they come; zero where a keypoint is unknown.
    pose_tokenizer=dict(
        type='LimbTokenizer',
        limbs=('left_wrist', 'right_wrist', 'left_knee', 'right_knee'),
        rate=10,
        features=dict(position=1.0),
    ),
    imu_backbone=dict(type='ConvFormer', in_channels=7, rate=50),
    pose_backbone=dict(type='ConvFormer', in_channels=6, rate=10),
    imu_neck=dict(type='ConcatMLPNeck', num_limbs=4, embed_dims=256),
    pose_neck=dict(type='ConcatMLPNeck', num_limbs=4, embed_dims=256),
    head=dict(
        type='HierarchicalContrastiveHead',
        embed_dims=256,
        global_weight=1.0,
        local_weight=1.0,
        token_weight=0.5,
    ),
    masked_token_head=dict(
        type='MaskedTokenHead',
        num_limbs=4,
        num_tokens=25,
        embed_dims=256,
        loss_weight=0.3,
    ),
)

# The published encoder and aggregation with the paper's single-stage
# objective. A derived config sets limbs, imu_rate, pose_rate and window_sec
# for its data once, and the raw channels of the IMUs.
model = dict(
    type='MoBind',
    # Unchanged coordinates; zero where a keypoint is unknown.
    pose_tokenizer=dict(type='LimbTokenizer', features=dict(position=1.0)),
    imu_backbone=dict(type='ConvFormer', in_channels=7),
    pose_backbone=dict(type='ConvFormer'),
    imu_neck=dict(type='ConcatMLPNeck'),
    pose_neck=dict(type='ConcatMLPNeck'),
    head=dict(
        type='HierarchicalContrastiveHead',
        global_weight=1.0,
        local_weight=1.0,
        token_weight=0.5,
    ),
    masked_token_head=dict(type='MaskedTokenHead', loss_weight=0.3),
)

# mobind_small with the published encoder size, for data sets and machines
# that can use it. A leaf sets limbs, channels, rates and window.
_base_ = './mobind_small.py'

encoder = dict(
    conv_channels=(32, 64, 128, 128),
    embed_dims=256,
    num_layers=4,
    num_heads=8,
    ffn_dims=256,
)
model = dict(
    imu_backbone=encoder,
    pose_backbone=encoder,
    imu_neck=dict(embed_dims=256),
    pose_neck=dict(embed_dims=256),
    head=dict(embed_dims=256),
    masked_token_head=dict(
        embed_dims=256, num_layers=4, num_heads=8, ffn_dims=1024
    ),
)

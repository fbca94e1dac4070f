# mobind_small with the published encoder size, for larger data sets and
# machines.
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
    masked_token_head=dict(num_layers=4, num_heads=8, ffn_dims=1024),
)

# The published encoder with the inputs, objective and schedule of
# utd_mhad.py, to compare the encoders alone.
_base_ = '../utd_mhad.py'

encoder = dict(
    conv_channels=(32, 64, 128, 128),
    conv_dropout=0.3,
    embed_dims=256,
    num_layers=4,
    num_heads=8,
    ffn_dims=128,
    dropout=0.1,
    out_dropout=0.3,
    num_segments=1,
    norm_first=False,
)
model = dict(imu_backbone=encoder, pose_backbone=encoder)

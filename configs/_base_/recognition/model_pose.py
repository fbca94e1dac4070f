# MoBind's pose encoder (that of mobind_small.py, as UTD-MHAD has it) as the
# backbone of MMAction2's skeleton recogniser.
model = dict(
    type='RecognizerGCN',
    backbone=dict(
        type='mobind_mm.PoseLimbBackbone',
        num_limbs=5,
        out_dims=256,
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
        encoder=dict(
            type='ConvFormer',
            in_channels=16,
            rate=20,
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
        ),
    ),
    cls_head=dict(
        type='GCNHead',
        num_classes=27,
        in_channels=256,
        dropout=0.5,
        label_smooth_eps=0.1,
    ),
)

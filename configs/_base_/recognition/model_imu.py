# MoBind's IMU encoder (that of mobind_small.py, as UTD-MHAD has it) as the
# backbone of MMAction2's skeleton recogniser: sensors are its joints.
model = dict(
    type='RecognizerGCN',
    backbone=dict(
        type='mobind_mm.IMULimbBackbone',
        num_limbs=5,
        out_dims=256,
        tokenizer=dict(
            type='IMUTokenizer',
            channels=('acc', 'gyro'),
            features=dict(acc=0.1, gyro=0.33, acc_norm=0.2, gyro_norm=0.33),
            channel_dropout=0.1,
        ),
        encoder=dict(
            type='ConvFormer',
            in_channels=8,
            rate=50,
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

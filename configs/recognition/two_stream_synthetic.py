# Actions of the embedded default from IMU and pose, from random weights.
_base_ = [
    '../_base_/recognition/synthetic_two_stream.py',
    '../_base_/recognition/model_two_stream.py',
    '../_base_/recognition/schedule_6e.py',
    '../_base_/recognition/runtime.py',
]

encoder = dict(
    rate=25, window_sec=5.0, conv_channels=(32, 64, 64), num_segments=5
)
model = dict(
    backbone=dict(
        imu=dict(tokenizer=dict(channel_dropout=0.0), encoder=encoder),
        pose=dict(
            tokenizer=dict(
                limbs=(
                    *('left_wrist', 'right_wrist'),
                    *('left_knee', 'right_knee', 'head'),
                ),
                rate=25,
                channel_dropout=0.0,
            ),
            encoder=encoder,
        ),
    ),
    cls_head=dict(num_classes=12),
)

# Actions of the embedded default by MoBind's pose encoder, from random
# weights.
_base_ = [
    '../_base_/recognition/synthetic_pose.py',
    '../_base_/recognition/model_pose.py',
    '../_base_/recognition/schedule_6e.py',
    '../_base_/recognition/runtime.py',
]

model = dict(
    backbone=dict(
        tokenizer=dict(
            limbs=(
                *('left_wrist', 'right_wrist'),
                *('left_knee', 'right_knee', 'head'),
            ),
            rate=25,
            channel_dropout=0.0,
        ),
        encoder=dict(
            rate=25,
            window_sec=5.0,
            conv_channels=(32, 64, 64),
            num_segments=5,
        ),
    ),
    cls_head=dict(num_classes=12),
)

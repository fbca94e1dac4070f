# Action recognition on the synthetic dataset from IMU and pose, from random
# weights.
_base_ = [
    '../_base_/recognition/synthetic_two_stream.py',
    '../_base_/recognition/model_two_stream.py',
    '../_base_/recognition/schedule_6e.py',
    '../_base_/recognition/runtime.py',
]

encoder = dict(conv_channels=(32, 64, 64), num_segments=5)
model = dict(
    backbone=dict(
        imu=dict(
            limbs=_base_.placements,
            rate=_base_.imu_rate,
            window_sec=_base_.window_sec,
            tokenizer=dict(channel_dropout=0.0),
            encoder=encoder,
        ),
        pose=dict(
            limbs=_base_.placements,
            rate=_base_.pose_rate,
            window_sec=_base_.window_sec,
            tokenizer=dict(channel_dropout=0.0),
            encoder=encoder,
        ),
    ),
    cls_head=dict(num_classes=12),
)

# Action recognition on the synthetic dataset with MoBind's IMU encoder, from
# random weights.
_base_ = [
    '../_base_/recognition/synthetic_imu.py',
    '../_base_/recognition/model_imu.py',
    '../_base_/recognition/schedule_6e.py',
    '../_base_/recognition/runtime.py',
]

model = dict(
    backbone=dict(
        limbs=_base_.placements,
        rate=_base_.imu_rate,
        window_sec=_base_.window_sec,
        tokenizer=dict(channel_dropout=0.0),
        encoder=dict(conv_channels=(32, 64, 64), num_segments=5),
    ),
    cls_head=dict(num_classes=12),
)

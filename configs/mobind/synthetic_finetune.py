# Action recognition on the synthetic dataset from IMU and pose. Starts from a
# MoBind checkpoint with --load-from work_dirs/synthetic/epoch_12.pth,
# otherwise from random weights.
_base_ = [
    '../_base_/datasets/synthetic.py',
    '../_base_/models/mobind_classifier_small.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]

encoder = dict(conv_channels=(32, 64, 64), num_segments=5)
model = dict(
    num_classes=12,
    limbs=_base_.placements,
    imu_rate=_base_.imu_rate,
    pose_rate=_base_.pose_rate,
    window_sec=_base_.window_sec,
    imu_backbone=encoder,
    pose_backbone=encoder,
)
train_dataloader = dict(
    batch_size=32,
    dataset=dict(
        dataset=dict(min_label_overlap=0.8, filter_cfg=dict(labelled=True))
    ),
)
val_evaluator = dict(type='ActionMetric', _delete_=True)
test_evaluator = dict(type='ActionMetric', _delete_=True)
val_cfg = dict(type='ValLoop', _delete_=True)
test_cfg = dict(type='TestLoop', _delete_=True)

auto_scale_lr = dict(base_batch_size=32)
train_cfg = dict(max_epochs=6, val_interval=3)
param_scheduler = [dict(_base_.warm_up, end=1), dict(_base_.decay, begin=1)]
default_hooks = dict(
    checkpoint=dict(save_best='action/top1'),
    training_curve=dict(metrics=['action/top1', 'action/macro_f1']),
    early_stopping=dict(monitor='action/top1'),
)

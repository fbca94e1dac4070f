# Actions of the embedded default from IMU and pose, started from a MoBind
# checkpoint by --load-from work_dirs/synthetic/epoch_12.pth, or from random
# weights without it.
_base_ = [
    '../_base_/datasets/synthetic.py',
    '../_base_/models/mobind_classifier_small.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]

encoder = dict(window_sec=5.0, conv_channels=(32, 64, 64), num_segments=5)
limbs = ('left_wrist', 'right_wrist', 'left_knee', 'right_knee', 'head')
model = dict(
    num_classes=12,
    pose_tokenizer=dict(limbs=limbs, rate=25),
    imu_backbone=dict(rate=25, **encoder),
    pose_backbone=dict(rate=25, **encoder),
)
train_dataloader = dict(
    batch_size=32,
    dataset=dict(min_label_overlap=0.8, filter_cfg=dict(labelled=True)),
)
val_evaluator = dict(type='ActionMetric', _delete_=True)
test_evaluator = dict(type='ActionMetric', _delete_=True)
val_cfg = dict(type='ValLoop', _delete_=True)
test_cfg = dict(type='TestLoop', _delete_=True)

auto_scale_lr = dict(base_batch_size=32)
train_cfg = dict(max_epochs=6, val_interval=3)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.01,
        begin=0,
        end=1,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min=0.0,
        begin=1,
        end=6,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(
    checkpoint=dict(save_best='action/top1'),
    training_curve=dict(metrics=['action/top1', 'action/macro_f1']),
    early_stopping=dict(monitor='action/top1'),
)

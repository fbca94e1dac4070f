# Actions of UTD-MHAD from IMU and pose, started from a MoBind checkpoint by
# --load-from work_dirs/utd_mhad/epoch_300.pth, or from random weights
# without it. All values were chosen on training subjects, see README.md.
_base_ = [
    '../_base_/datasets/utd_mhad_action.py',
    '../_base_/models/mobind_classifier_small.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]

train_cfg = dict(max_epochs=30, val_interval=30)
optim_wrapper = dict(
    optimizer=dict(lr=1e-3),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
auto_scale_lr = dict(base_batch_size=32)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.01,
        begin=0,
        end=5,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min=0.0,
        begin=5,
        end=30,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(
    checkpoint=dict(interval=30, save_best=None),
    training_curve=dict(metrics=['action/top1', 'action/macro_f1']),
    early_stopping=dict(monitor='action/top1'),
)

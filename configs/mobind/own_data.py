# Own recordings (docs/own_data.md): acc and gyro of up to five sensors. The
# model is that of synthetic.py, so its weights can be the start.
_base_ = [
    '../_base_/datasets/own_data.py',
    '../_base_/models/mobind_small.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]

auto_scale_lr = dict(base_batch_size=32)
train_cfg = dict(max_epochs=60, val_interval=5)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.01,
        begin=0,
        end=3,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min=0.0,
        begin=3,
        end=60,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]

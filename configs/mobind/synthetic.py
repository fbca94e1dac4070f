# The README's first training: two CPU cores, a few minutes, no download.
_base_ = [
    '../_base_/datasets/synthetic.py',
    '../_base_/models/mobind_small.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(batch_size=32)
auto_scale_lr = dict(base_batch_size=32)
train_cfg = dict(max_epochs=12, val_interval=4)
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
        end=12,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]

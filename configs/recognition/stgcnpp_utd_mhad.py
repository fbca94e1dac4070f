# Actions of UTD-MHAD by MMAction2's ST-GCN++ on our windows of the skeleton,
# 20 frames of each: on a processor an epoch takes six times as long as one
# of two_stream, so there are fewer.
_base_ = [
    '../_base_/recognition/utd_mhad_frames.py',
    '../_base_/recognition/model_stgcnpp.py',
    '../_base_/recognition/schedule_30e.py',
    '../_base_/recognition/runtime.py',
]

train_dataloader = dict(batch_size=16)
auto_scale_lr = dict(base_batch_size=16)
train_cfg = dict(max_epochs=15, val_interval=15)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.01,
        begin=0,
        end=2,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min=0.0,
        begin=2,
        end=15,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]

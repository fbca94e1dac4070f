# Actions of UTD-MHAD by MMAction2's ST-GCN++ on our windows of the skeleton,
# 20 frames of each: on a CPU an epoch takes six times as long as one
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
    dict(_base_.warm_up, end=2),
    dict(_base_.decay, begin=2),
]

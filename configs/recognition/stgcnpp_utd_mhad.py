# Action recognition on UTD-MHAD with MMAction2's ST-GCN++ on the same windows
# of the skeleton, 20 frames each. On a CPU, an epoch takes six times as
# long as an epoch of two_stream, so there are fewer epochs.
_base_ = [
    '../_base_/recognition/utd_mhad_frames.py',
    '../_base_/recognition/model_stgcnpp.py',
    '../_base_/recognition/schedule_30e.py',
    '../_base_/recognition/runtime.py',
]

train_dataloader = dict(batch_size=16)
auto_scale_lr = dict(base_batch_size=16)
train_cfg = dict(max_epochs=15, val_interval=15)
param_scheduler = [dict(_base_.warm_up, end=2), dict(_base_.decay, begin=2)]

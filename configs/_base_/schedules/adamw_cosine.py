# AdamW with five epochs of warm-up and cosine decay. The decay ends with the
# training, whatever train_cfg.max_epochs is. For another warm-up, a derived
# config sets [dict(_base_.warm_up, end=1), dict(_base_.decay, begin=1)].
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05, fused=True),
    clip_grad=dict(max_norm=5.0),
)
warm_up = dict(
    type='LinearLR',
    start_factor=0.01,
    begin=0,
    end=5,
    by_epoch=True,
    convert_to_iter_based=True,
)
decay = dict(
    type='mobind_mm.CosineAfterWarmUpLR',
    eta_min=0.0,
    begin=warm_up['end'],
    by_epoch=True,
    convert_to_iter_based=True,
)
param_scheduler = [warm_up, decay]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=100, val_interval=10)
auto_scale_lr = dict(enable=False, base_batch_size=64)

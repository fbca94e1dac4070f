# Published schedule: Adam with a constant learning rate until the validation
# recall has not improved for 500 epochs (early_stopping in
# default_runtime.py).
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-4, fused=True)
)
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=5000, val_interval=5)
auto_scale_lr = dict(enable=False, base_batch_size=256)

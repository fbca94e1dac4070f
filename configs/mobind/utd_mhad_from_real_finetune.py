# Action recognition on UTD-MHAD from IMU and pose. Starts from the shipped
# weights, or with --load-from work_dirs/utd_mhad_from_real/epoch_360.pth from
# a training of the config below.
_base_ = './utd_mhad_from_real.py'

# The sensor where it is worn, the skeleton as five limbs.
placements = (
    *('left_wrist', 'right_wrist', 'left_thigh', 'right_thigh', 'pelvis'),
)
pack = dict(_base_.pack, placements=placements)
model = dict(
    _delete_=True,
    type='MoBindClassifier',
    num_classes=27,
    limbs=placements,
    imu_rate=_base_.imu_rate,
    pose_rate=_base_.pose_rate,
    window_sec=5.0,
    imu_tokenizer=_base_.model.imu_tokenizer,
    pose_tokenizer=_base_.model.pose_tokenizer,
    imu_backbone=_base_.model.imu_backbone,
    pose_backbone=_base_.model.pose_backbone,
    hidden_dims=256,
    dropout=0.5,
    label_smoothing=0.1,
)
steps = [*_base_.random_window, *_base_.load, *_base_.augmentation, pack]
train_dataloader = dict(
    batch_size=32, dataset=dict(dataset=dict(pipeline=steps))
)
test_dataloader = dict(
    dataset=dict(
        _base_.queries,
        _delete_=True,
        stride_sec=0.25,
        pipeline=[*_base_.load, pack],
    )
)
val_dataloader = test_dataloader
test_evaluator = dict(_delete_=True, type='ActionMetric', by_take=True)
val_evaluator = test_evaluator
test_cfg = dict(_delete_=True, type='TestLoop')
auto_scale_lr = dict(base_batch_size=32)
train_cfg = dict(max_epochs=60, val_interval=60)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [dict(_base_.warm_up, end=6), dict(_base_.decay, begin=6)]
default_hooks = dict(
    checkpoint=dict(interval=60, max_keep_ckpts=1),
    training_curve=dict(metrics=['action/top1', 'action/macro_f1']),
    early_stopping=dict(monitor='action/top1'),
)

# UTD-MHAD for action recognition: the sensor where it is worn, the skeleton as
# five limbs. The score of a recording is the mean over windows 0.25 s apart.
_base_ = './utd_mhad_windows.py'

placements = (
    *('left_wrist', 'right_wrist', 'left_thigh', 'right_thigh', 'pelvis'),
)
pack = dict(
    type='PackIMUPose', placements=placements, imu_channels=_base_.imu_channels
)
train_pipeline = [
    *_base_.random_window,
    *_base_.steps,
    *_base_.augmentation,
    pack,
]
test_pipeline = [*_base_.steps, pack]

train_dataloader = dict(
    batch_size=32, dataset=dict(dataset=dict(pipeline=train_pipeline))
)
test_dataloader = dict(
    dataset=dict(
        _base_.windows,
        ann_file='annotations/test.json',
        stride_sec=0.25,
        pipeline=test_pipeline,
        test_mode=True,
    )
)
val_dataloader = test_dataloader
test_evaluator = dict(_delete_=True, type='ActionMetric', by_take=True)
val_evaluator = test_evaluator
test_cfg = dict(type='TestLoop')

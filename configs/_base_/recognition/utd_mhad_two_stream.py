# UTD-MHAD: the sensor and the skeleton.
_base_ = './utd_mhad.py'

keys = ('imu', 'keypoint')
train_pipeline = [
    *_base_.window_steps,
    *_base_.imu_steps,
    *_base_.pose_steps,
    *_base_.imu_augmentation,
    *_base_.pose_augmentation,
    _base_.imu_format,
    *_base_.pose_format,
    dict(type='PackActionInputs', collect_keys=keys),
]
test_pipeline = [
    dict(
        type='mobind_mm.MultiClip',
        num_clips=_base_.num_test_clips,
        keys=keys,
        transforms=[
            dict(type='mobind_mm.LoadWindow'),
            *_base_.imu_steps,
            *_base_.pose_steps,
            _base_.imu_format,
            *_base_.pose_format,
        ],
    ),
    dict(type='PackActionInputs', collect_keys=keys),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

# The synthetic dataset: the sensors and the skeleton.
_base_ = './synthetic.py'

train_pipeline = [
    *_base_.load_steps,
    *_base_.imu_steps,
    *_base_.pose_steps,
    *_base_.imu_augmentation,
    _base_.imu_format,
    *_base_.pose_format,
    dict(type='PackActionInputs', collect_keys=('imu', 'keypoint')),
]
test_pipeline = [
    *_base_.load_steps,
    *_base_.imu_steps,
    *_base_.pose_steps,
    _base_.imu_format,
    *_base_.pose_format,
    dict(type='PackActionInputs', collect_keys=('imu', 'keypoint')),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

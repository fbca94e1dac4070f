# The synthetic dataset: the sensors alone, packed under the name that a
# single-modality recogniser expects.
_base_ = './synthetic.py'

imu_format = dict(_base_.imu_format, key='keypoint')
train_pipeline = [
    *_base_.load_steps,
    *_base_.imu_steps,
    *_base_.imu_augmentation,
    imu_format,
    dict(type='PackActionInputs'),
]
test_pipeline = [
    *_base_.load_steps,
    *_base_.imu_steps,
    imu_format,
    dict(type='PackActionInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

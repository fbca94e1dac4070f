# UTD-MHAD with the released recipe's inputs: image-normalised keypoints at
# the published rate, raw IMU channels, training on the limb with the sensor.
_base_ = './utd_mhad.py'

pose_rate = 10
test_pipeline = [
    dict(type='LoadWindow'),
    dict(type='ResampleIMU', rate=_base_.imu_rate),
    dict(type='ResamplePose', rate=pose_rate),
    dict(type='NormalizeKeypoints', mode='image'),
    _base_.pack,
]
train_pipeline = [
    dict(type='RandomWindow'),
    *test_pipeline[:-1],
    dict(_base_.pack, paired_only=True),
]
sync_pipeline = [
    test_pipeline[0],
    dict(type='KeepStreams'),
    *test_pipeline[1:-1],
    dict(_base_.pack, meta_keys=_base_.sync_meta_keys),
]
queries = dict(_base_.queries, pipeline=test_pipeline)
gallery = dict(_base_.gallery, pipeline=test_pipeline)
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
test_dataloader = dict(dataset=dict(datasets=[gallery, queries]))
val_dataloader = test_dataloader
sync_clips = dict(pipeline=sync_pipeline)
sync_task = dict(dataloader=dict(dataset=sync_clips))
test_cfg = dict(tasks=dict(sync=sync_task))

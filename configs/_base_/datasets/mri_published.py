# mRI with the released recipe's inputs: image-normalised keypoints, raw IMU
# channels, no random windows.
_base_ = './mri.py'

test_pipeline = [
    *_base_.test_pipeline[:3],
    dict(type='NormalizeKeypoints', mode='image'),
    _base_.test_pipeline[4],
]
train_pipeline = test_pipeline
sync_pipeline = [
    test_pipeline[0],
    dict(type='KeepStreams'),
    *test_pipeline[1:-1],
    dict(test_pipeline[-1], meta_keys=_base_.sync_meta_keys),
]
gallery = dict(_base_.gallery, pipeline=test_pipeline)
val_queries = dict(_base_.val_queries, pipeline=test_pipeline)
test_queries = dict(_base_.test_queries, pipeline=test_pipeline)
train_dataloader = dict(batch_size=128, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(datasets=[gallery, val_queries]))
test_dataloader = dict(dataset=dict(datasets=[gallery, test_queries]))
sync_clips = dict(pipeline=sync_pipeline)
test_cfg = dict(tasks=dict(sync=dict(dataloader=dict(dataset=sync_clips))))

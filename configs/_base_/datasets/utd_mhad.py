# UTD-MHAD: the two limbs that carry a sensor; one window per recording, which
# is centred, or random in training.
_base_ = './utd_mhad_windows.py'

placements = ('right_wrist', 'right_thigh')
pack = dict(
    type='PackIMUPose', placements=placements, imu_channels=_base_.imu_channels
)
test_pipeline = [*_base_.steps, pack]
train_pipeline = [
    *_base_.random_window,
    *_base_.steps,
    *_base_.augmentation,
    pack,
]
# From KeepStreams on, nothing outside the clip is visible.
sync_pipeline = [
    test_pipeline[0],
    dict(type='KeepStreams'),
    *test_pipeline[1:-1],
    dict(pack, meta_keys=_base_.sync_meta_keys),
]

queries = dict(_base_.queries, pipeline=test_pipeline)
# 1-NN takes its neighbours from the training subjects.
gallery = dict(queries, ann_file='annotations/train.json', role='gallery')
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
test_dataloader = dict(
    dataset=dict(type='ConcatDataset', datasets=[gallery, queries])
)
val_dataloader = test_dataloader
sync_task = dict(
    dataloader=dict(
        _base_.sync_loader,
        dataset=dict(_base_.sync_clips, pipeline=sync_pipeline),
    ),
    evaluator=_base_.sync_clip_evaluator,
)
test_cfg = dict(type='MultiTaskTestLoop', tasks=dict(sync=sync_task))

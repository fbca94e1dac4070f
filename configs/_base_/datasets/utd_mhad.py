# UTD-MHAD: the two limbs that carry a sensor; one window per recording, which
# is centred, or random in training.
_base_ = './utd_mhad_windows.py'

placements = ('right_wrist', 'right_thigh')
pack = dict(
    type='PackIMUPose',
    placements=placements,
    imu_channels=_base_.imu_channels,
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

queries = dict(
    _base_.windows,
    ann_file='annotations/test.json',
    pipeline=test_pipeline,
    test_mode=True,
)
# 1-NN takes its neighbours from the training subjects.
gallery = dict(queries, ann_file='annotations/train.json', role='gallery')
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
test_dataloader = dict(
    dataset=dict(type='ConcatDataset', datasets=[gallery, queries])
)
val_dataloader = test_dataloader
# Synchronisation within a recording: one clip of 2 s, the model's window, from
# the middle, shifted as far as the recording allows, at most by one second.
# Such a clip has no sub-windows, so its tokens vote.
sync_clips = dict(
    type='SyncClipDataset',
    dataset=dict(_base_.windows, ann_file='annotations/test.json'),
    max_offset=1.0,
    grid=None,
    edges='inside',
    pipeline=sync_pipeline,
)
sync_task = dict(
    dataloader=dict(
        batch_size=32,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=sync_clips,
    ),
    evaluator=[
        dict(
            type='SyncMetric',
            synchronizers=dict(
                fused=dict(type='FusedSynchronizer', min_overlap_sec=0.5),
                correlation=dict(type='CorrelationSynchronizer'),
                vote=dict(type='VoteSynchronizer', level='token', topk=2),
            ),
        )
    ],
)
test_cfg = dict(type='MultiTaskTestLoop', tasks=dict(sync=sync_task))

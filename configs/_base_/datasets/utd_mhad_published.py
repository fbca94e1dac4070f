# UTD-MHAD: one sensor a take, on the right wrist or the right thigh.
# The released recipe's inputs: image-normalised keypoints, raw IMU channels.
# Odd subjects train, even subjects test; one centred window a take.
placements = ('right_wrist', 'right_thigh')
train_pipeline = [
    dict(type='RandomWindow'),
    dict(type='LoadWindow'),
    dict(type='ResampleIMU', rate=50),
    dict(type='ResamplePose', rate=10),
    dict(type='NormalizeKeypoints', mode='image'),
    dict(
        type='PackIMUPose',
        placements=placements,
        imu_channels=('acc', 'gyro'),
        paired_only=True,
    ),
]
test_pipeline = [
    dict(type='LoadWindow'),
    dict(type='ResampleIMU', rate=50),
    dict(type='ResamplePose', rate=10),
    dict(type='NormalizeKeypoints', mode='image'),
    dict(
        type='PackIMUPose', placements=placements, imu_channels=('acc', 'gyro')
    ),
]

train_dataloader = dict(
    batch_size=64,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    worker_init_fn=dict(type='mobind_mm.seed_worker'),
    dataset=dict(
        type='UTDMHADDataset',
        data_root='data/utd_mhad',
        ann_file='annotations/train.json',
        window_sec=2.0,
        stride_sec=None,
        pipeline=train_pipeline,
    ),
)
test_dataloader = dict(
    batch_size=64,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            # 1-NN looks its neighbour up among the training subjects.
            dict(
                type='UTDMHADDataset',
                data_root='data/utd_mhad',
                ann_file='annotations/train.json',
                role='gallery',
                window_sec=2.0,
                stride_sec=None,
                pipeline=test_pipeline,
                test_mode=True,
            ),
            dict(
                type='UTDMHADDataset',
                data_root='data/utd_mhad',
                ann_file='annotations/test.json',
                window_sec=2.0,
                stride_sec=None,
                pipeline=test_pipeline,
                test_mode=True,
            ),
        ],
    ),
)
test_evaluator = [
    dict(type='RetrievalMetric'),
    dict(type='ActionKNNMetric'),
    dict(type='ActionProbeMetric'),
    dict(type='LocalizationMetric'),
]
# The protocol has no validation subjects. The test subjects are evaluated
# now and then to watch the training; nothing is chosen by it.
val_dataloader = test_dataloader
val_evaluator = [
    dict(type='RetrievalMetric', galleries=('all',)),
    dict(type='ActionKNNMetric'),
]
val_cfg = dict(type='ValLoop')
# Synchronisation as in utd_mhad.py: clips of 2 s, the model's window.
sync_pipeline = [
    test_pipeline[0],
    # From here on nothing outside the clip is seen.
    dict(type='KeepStreams'),
    *test_pipeline[1:-1],
    dict(
        test_pipeline[-1],
        meta_keys=(
            *('sample_idx', 'clip', 'take', 'subject', 'scene', 'camera'),
            *('role', 'action', 'window_start', 'window_sec', 'imu_rate'),
            *('pose_rate', 'offset', 'max_offset', 'streams'),
        ),
    ),
]
test_cfg = dict(
    type='MultiTaskTestLoop',
    tasks=dict(
        sync=dict(
            dataloader=dict(
                batch_size=32,
                num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=dict(
                    type='SyncClipDataset',
                    dataset=dict(
                        type='UTDMHADDataset',
                        data_root='data/utd_mhad',
                        ann_file='annotations/test.json',
                        window_sec=2.0,
                        stride_sec=None,
                    ),
                    max_offset=1.0,
                    edges='inside',
                    pipeline=sync_pipeline,
                ),
            ),
            evaluator=[
                dict(
                    type='SyncMetric',
                    synchronizers=dict(
                        fused=dict(
                            type='FusedSynchronizer', min_overlap_sec=0.5
                        ),
                        correlation=dict(type='CorrelationSynchronizer'),
                        vote=dict(
                            type='VoteSynchronizer', level='token', topk=2
                        ),
                    ),
                )
            ],
        )
    ),
)

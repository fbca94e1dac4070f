# Synchronisation within takes of 2 to 6 s: one clip of 2 s, the model's
# window, in the middle of a take, moved by what the take has room for, at
# most a second. Such a clip has no sub-windows: its tokens vote.
sync_pipeline = [
    dict(type='LoadWindow'),
    # From here on nothing outside the clip is seen.
    dict(type='KeepStreams'),
    dict(type='ResampleIMU', rate=50),
    dict(type='ResamplePose', rate=20),
    dict(type='SmoothKeypoints', sigma_sec=0.05),
    dict(type='NormalizeKeypoints', mode='torso'),
    dict(
        type='PackIMUPose',
        placements=('right_wrist', 'right_thigh'),
        imu_channels=('acc', 'gyro'),
        meta_keys=(
            *('sample_idx', 'clip', 'take', 'subject', 'scene', 'camera'),
            *('role', 'action', 'window_start', 'window_sec', 'imu_rate'),
            *('pose_rate', 'offset', 'max_offset', 'streams'),
        ),
    ),
]
sync_task = dict(
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
            grid=None,
            edges='inside',
            pipeline=sync_pipeline,
        ),
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

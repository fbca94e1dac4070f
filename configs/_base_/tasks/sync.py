# What every synchronisation task of clips longer than a window shares.
sync_meta_keys = (
    *('sample_idx', 'clip', 'take', 'subject', 'scene', 'camera'),
    *('role', 'action', 'window_start', 'window_sec', 'imu_rate'),
    *('pose_rate', 'offset', 'max_offset', 'streams'),
)
sync_evaluator = [
    dict(
        type='SyncMetric',
        synchronizers=dict(
            fused=dict(type='FusedSynchronizer'),
            correlation=dict(type='CorrelationSynchronizer'),
            vote=dict(type='VoteSynchronizer'),
        ),
    )
]

# Metrics: retrieval and actions in validation, all four tasks in tests, and
# the settings shared by synchronisation of clips longer than a window.
val_evaluator = [
    dict(type='RetrievalMetric', galleries=('all',)),
    dict(type='ActionKNNMetric'),
]
test_evaluator = [
    dict(type='RetrievalMetric'),
    dict(type='ActionKNNMetric'),
    dict(type='ActionProbeMetric'),
    dict(type='LocalizationMetric'),
]
val_cfg = dict(type='ValLoop')
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

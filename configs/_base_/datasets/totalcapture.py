# TotalCapture: IMU, Vicon and video share a 60 Hz clock.
# Subjects 1 to 3 train, 4 validates, 5 tests.
_base_ = '../tasks/sync.py'

placements = ('left_wrist', 'right_wrist', 'left_knee', 'right_knee', 'head')
train_pipeline = [
    dict(type='RandomWindow', max_shift_sec=1.0),
    dict(type='LoadWindow', placements=placements, channels=('acc', 'quat')),
    dict(type='ResampleIMU', rate=60),
    dict(type='ResamplePose', rate=60),
    dict(type='NormalizeKeypoints', mode='torso'),
    dict(
        type='PackIMUPose', placements=placements, imu_channels=('acc', 'quat')
    ),
]
test_pipeline = train_pipeline[1:]

train_dataloader = dict(
    batch_size=256,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    worker_init_fn=dict(type='mobind_mm.seed_worker'),
    dataset=dict(
        type='TotalCaptureDataset',
        data_root='data/totalcapture',
        ann_file='annotations/train.json',
        window_sec=5.0,
        stride_sec=2.0,
        pipeline=train_pipeline,
    ),
)
# 1-NN action recognition looks its neighbour up among training subjects.
gallery = dict(
    type='TotalCaptureDataset',
    data_root='data/totalcapture',
    ann_file='annotations/train.json',
    role='gallery',
    window_sec=5.0,
    stride_sec=5.0,
    filter_cfg=dict(labelled=True),
    pipeline=test_pipeline,
    test_mode=True,
)
val_dataloader = dict(
    batch_size=256,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            gallery,
            dict(
                type='TotalCaptureDataset',
                data_root='data/totalcapture',
                ann_file='annotations/val.json',
                window_sec=5.0,
                stride_sec=2.0,
                pipeline=test_pipeline,
                test_mode=True,
            ),
        ],
    ),
)
test_dataloader = dict(
    batch_size=256,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            gallery,
            dict(
                type='TotalCaptureDataset',
                data_root='data/totalcapture',
                ann_file='annotations/test.json',
                window_sec=5.0,
                stride_sec=2.0,
                pipeline=test_pipeline,
                test_mode=True,
            ),
        ],
    ),
)
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
# The published protocol: 20 s clips, offsets of 0.1 s * U(-70..70) within
# the recording.
sync_pipeline = [
    test_pipeline[0],
    # From here on nothing outside the clip is seen.
    dict(type='KeepStreams'),
    *test_pipeline[1:-1],
    dict(
        test_pipeline[-1],
        meta_keys=_base_.sync_meta_keys,
    ),
]
val_cfg = dict(type='ValLoop')
test_cfg = dict(
    type='MultiTaskTestLoop',
    tasks=dict(
        sync=dict(
            dataloader=dict(
                batch_size=8,
                num_workers=4,
                sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=dict(
                    type='SyncClipDataset',
                    dataset=dict(
                        type='TotalCaptureDataset',
                        data_root='data/totalcapture',
                        ann_file='annotations/test.json',
                        window_sec=20.0,
                        stride_sec=5.0,
                    ),
                    max_offset=7.0,
                    grid=0.1,
                    edges='clamp',
                    pipeline=sync_pipeline,
                ),
            ),
            evaluator=_base_.sync_evaluator,
        )
    ),
)

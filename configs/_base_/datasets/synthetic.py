# The embedded default: generated, no files. Subjects of the splits differ.
_base_ = [
    '../tasks/synthetic_sync.py',
    '../tasks/synthetic_localization_open.py',
]

placements = ('left_wrist', 'right_wrist', 'left_knee', 'right_knee', 'head')
train_pipeline = [
    dict(type='RandomWindow', max_shift_sec=1.25),
    dict(type='LoadWindow', placements=placements, channels=('acc', 'gyro')),
    dict(type='ResampleIMU', rate=25),
    dict(type='ResamplePose', rate=25),
    dict(type='NormalizeKeypoints', mode='torso'),
    dict(type='RandomIMURotation', max_deg=30),
    dict(
        type='PackIMUPose', placements=placements, imu_channels=('acc', 'gyro')
    ),
]
test_pipeline = [
    dict(type='LoadWindow', placements=placements, channels=('acc', 'gyro')),
    dict(type='ResampleIMU', rate=25),
    dict(type='ResamplePose', rate=25),
    dict(type='NormalizeKeypoints', mode='torso'),
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
        type='SyntheticMotionDataset',
        split='train',
        window_sec=5.0,
        stride_sec=2.5,
        pipeline=train_pipeline,
    ),
)
# 1-NN action recognition looks its neighbour up among training subjects. A
# window counts there if one action fills 80 % of it.
gallery = dict(
    type='SyntheticMotionDataset',
    split='train',
    role='gallery',
    window_sec=5.0,
    stride_sec=5.0,
    min_label_overlap=0.8,
    pipeline=test_pipeline,
    test_mode=True,
)
val_dataloader = dict(
    batch_size=64,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            gallery,
            dict(
                type='SyntheticMotionDataset',
                split='val',
                window_sec=5.0,
                stride_sec=5.0,
                min_label_overlap=0.8,
                pipeline=test_pipeline,
                test_mode=True,
            ),
        ],
    ),
)
test_dataloader = dict(
    batch_size=64,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            gallery,
            dict(
                type='SyntheticMotionDataset',
                split='test',
                window_sec=5.0,
                stride_sec=5.0,
                min_label_overlap=0.8,
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
# In training, synchronisation is watched at every third validation.
val_cfg = dict(
    type='MultiTaskValLoop',
    tasks=dict(sync=dict(interval=3, **_base_.sync_val_task)),
)
test_cfg = dict(
    type='MultiTaskTestLoop',
    tasks=dict(
        sync=_base_.sync_task,
        localization_open=_base_.localization_open_task,
    ),
)

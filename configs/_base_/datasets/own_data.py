# Own recordings, written by tools/dataset_converters/from_tables.py.
# Sensors that a recording does not have are masked; put the placements that
# yours have here (and their number into the model, see the leaf).
_base_ = '../tasks/sync.py'

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
    batch_size=32,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    worker_init_fn=dict(type='mobind_mm.seed_worker'),
    dataset=dict(
        type='IMUPoseDataset',
        data_root='data/own_data',
        ann_file='annotations/train.json',
        window_sec=5.0,
        stride_sec=1.0,
        pipeline=train_pipeline,
    ),
)
# 1-NN action recognition, for who has labels, looks its neighbour up here.
gallery = dict(
    type='IMUPoseDataset',
    data_root='data/own_data',
    ann_file='annotations/train.json',
    role='gallery',
    window_sec=5.0,
    stride_sec=2.5,
    pipeline=test_pipeline,
    test_mode=True,
)
val_dataloader = dict(
    batch_size=32,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            gallery,
            dict(
                type='IMUPoseDataset',
                data_root='data/own_data',
                ann_file='annotations/val.json',
                window_sec=5.0,
                stride_sec=2.5,
                # Windows of people filmed together coincide.
                anchor='clock',
                pipeline=test_pipeline,
                test_mode=True,
            ),
        ],
    ),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            gallery,
            dict(
                type='IMUPoseDataset',
                data_root='data/own_data',
                ann_file='annotations/test.json',
                window_sec=5.0,
                stride_sec=2.5,
                anchor='clock',
                pipeline=test_pipeline,
                test_mode=True,
            ),
        ],
    ),
)
val_evaluator = [dict(type='RetrievalMetric', galleries=('all',))]
# The action metrics need labels; without any, test with
# --tasks retrieval localization sync.
test_evaluator = [
    dict(type='RetrievalMetric'),
    dict(type='ActionKNNMetric'),
    dict(type='ActionProbeMetric'),
    dict(type='LocalizationMetric'),
]
# Clips of 10 s, moved inside takes that are longer than that.
sync_pipeline = [
    test_pipeline[0],
    # From here on nothing outside the clip is seen.
    dict(type='KeepStreams'),
    *test_pipeline[1:-1],
    dict(test_pipeline[-1], meta_keys=_base_.sync_meta_keys),
]
val_cfg = dict(type='ValLoop')
test_cfg = dict(
    type='MultiTaskTestLoop',
    tasks=dict(
        sync=dict(
            dataloader=dict(
                batch_size=4,
                num_workers=2,
                sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=dict(
                    type='SyncClipDataset',
                    dataset=dict(
                        type='IMUPoseDataset',
                        data_root='data/own_data',
                        ann_file='annotations/test.json',
                        window_sec=10.0,
                        stride_sec=5.0,
                    ),
                    max_offset=5.0,
                    edges='inside',
                    pipeline=sync_pipeline,
                ),
            ),
            evaluator=_base_.sync_evaluator,
        )
    ),
)

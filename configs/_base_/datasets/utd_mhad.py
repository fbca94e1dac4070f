# UTD-MHAD: one sensor a take, on the right wrist or the right thigh.
# Odd subjects train, even subjects test; one centred window a take.
_base_ = '../tasks/utd_mhad_sync.py'

placements = ('right_wrist', 'right_thigh')
train_pipeline = [
    dict(type='RandomSpeed', factors=(0.82, 1.22)),
    dict(type='RandomWindow'),
    dict(type='LoadWindow'),
    dict(type='ResampleIMU', rate=50),
    dict(type='ResamplePose', rate=20),
    dict(type='SmoothKeypoints', sigma_sec=0.05),
    dict(type='NormalizeKeypoints', mode='torso'),
    dict(type='RandomIMURotation', max_deg=30),
    dict(type='RandomIMUScale', factors=(0.8, 1.2)),
    dict(type='RandomIMUNoise', acc_std=0.1, gyro_std=0.02),
    dict(type='RandomPoseRotation', max_deg=15),
    dict(
        type='RandomPoseScale', factors=(0.8, 1.2), aspect_factors=(0.6, 1.6)
    ),
    dict(type='RandomKeypointNoise', std=0.01),
    dict(
        type='PackIMUPose', placements=placements, imu_channels=('acc', 'gyro')
    ),
]
test_pipeline = [
    dict(type='LoadWindow'),
    dict(type='ResampleIMU', rate=50),
    dict(type='ResamplePose', rate=20),
    dict(type='SmoothKeypoints', sigma_sec=0.05),
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
test_cfg = dict(type='MultiTaskTestLoop', tasks=dict(sync=_base_.sync_task))

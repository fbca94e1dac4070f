# Localisation when a quarter of the people wear nothing and the wearers of
# another quarter of the sensors are out of view. What counts as no match is
# chosen on validation people (role='gallery'), reported on test people.
placements = ('left_wrist', 'right_wrist', 'left_knee', 'right_knee', 'head')
open_pipeline = [
    dict(type='HideModality', imu_prob=0.25, pose_prob=0.25),
    dict(type='LoadWindow', placements=placements, channels=('acc', 'gyro')),
    dict(type='ResampleIMU', rate=25),
    dict(type='ResamplePose', rate=25),
    dict(type='NormalizeKeypoints', mode='torso'),
    dict(
        type='PackIMUPose', placements=placements, imu_channels=('acc', 'gyro')
    ),
]
localization_open_task = dict(
    dataloader=dict(
        batch_size=64,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(
            type='ConcatDataset',
            datasets=[
                dict(
                    type='SyntheticMotionDataset',
                    split='val',
                    role='gallery',
                    people=(2, 4),
                    window_sec=5.0,
                    stride_sec=5.0,
                    anchor='clock',
                    pipeline=open_pipeline,
                    test_mode=True,
                ),
                dict(
                    type='SyntheticMotionDataset',
                    split='test',
                    people=(2, 4),
                    window_sec=5.0,
                    stride_sec=5.0,
                    anchor='clock',
                    pipeline=open_pipeline,
                    test_mode=True,
                ),
            ],
        ),
    ),
    evaluator=[dict(type='OpenLocalizationMetric')],
)

# Synchronisation: clips of 20 s, real-valued offsets within 7 s that fit
# into takes of a minute. For the published protocol set grid=0.1 and
# edges='clamp'; for other cameras and sensors pose_rate, detector (e.g.
# dict(error_m=0.03)) and sync_placements.
_base_ = './sync.py'

sync_placements = (
    *('left_wrist', 'right_wrist', 'left_knee', 'right_knee', 'head'),
)
sync_pipeline = [
    dict(
        type='LoadWindow', placements=sync_placements, channels=('acc', 'gyro')
    ),
    # From here on nothing outside the clip is seen.
    dict(type='KeepStreams'),
    dict(type='ResampleIMU', rate=25),
    dict(type='ResamplePose', rate=25),
    dict(type='NormalizeKeypoints', mode='torso'),
    dict(
        type='PackIMUPose',
        placements=sync_placements,
        imu_channels=('acc', 'gyro'),
        meta_keys=_base_.sync_meta_keys,
    ),
]
sync_task = dict(
    dataloader=dict(
        batch_size=4,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(
            type='SyncClipDataset',
            dataset=dict(
                type='SyntheticMotionDataset',
                split='test',
                takes_per_subject=1,
                take_sec=60.0,
                window_sec=20.0,
                stride_sec=5.0,
            ),
            max_offset=7.0,
            grid=None,
            edges='inside',
            pipeline=sync_pipeline,
        ),
    ),
    evaluator=_base_.sync_evaluator,
)
# Twelve clips of the validation people, to watch a training.
sync_val_task = dict(
    dataloader=dict(
        batch_size=4,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(
            type='SyncClipDataset',
            dataset=dict(
                type='SyntheticMotionDataset',
                split='val',
                takes_per_subject=1,
                take_sec=60.0,
                window_sec=20.0,
                stride_sec=25.0,
            ),
            max_offset=7.0,
            grid=None,
            edges='inside',
            pipeline=sync_pipeline,
        ),
    ),
    evaluator=_base_.sync_evaluator,
)

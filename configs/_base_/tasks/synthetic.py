# The synthetic dataset and its tasks other than retrieval and actions. It is
# generated and needs no files. The splits have different subjects. For other
# cameras and sensors, set pose_rate, detector (e.g. dict(error_m=0.03)) and
# sync_placements.
_base_ = './metrics.py'

placements = ('left_wrist', 'right_wrist', 'left_knee', 'right_knee', 'head')
imu_channels = ('acc', 'gyro')
window_sec = 5.0
imu_rate = 25
pose_rate = 25

test_pipeline = [
    dict(type='LoadWindow', placements=placements, channels=imu_channels),
    dict(type='ResampleIMU', rate=imu_rate),
    dict(type='ResamplePose', rate=pose_rate),
    dict(type='NormalizeKeypoints', mode='torso'),
    dict(type='PackIMUPose', placements=placements, imu_channels=imu_channels),
]
loader = dict(
    batch_size=64,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
)

# Synchronisation: clips of 20 s, with real-valued offsets of up to 7 s that
# fit into recordings of one minute. For the published protocol, set grid=0.1
# and edges='clamp'.
sync_placements = placements
sync_pipeline = [
    dict(type='LoadWindow', placements=sync_placements, channels=imu_channels),
    # From here on, nothing outside the clip is visible.
    dict(type='KeepStreams'),
    *test_pipeline[1:-1],
    dict(
        type='PackIMUPose',
        placements=sync_placements,
        imu_channels=imu_channels,
        meta_keys=_base_.sync_meta_keys,
    ),
]
sync_recordings = dict(
    type='SyntheticMotionDataset',
    takes_per_subject=1,
    take_sec=60.0,
    window_sec=20.0,
)
sync_clips = dict(
    type='SyncClipDataset',
    dataset=dict(sync_recordings, split='test', stride_sec=5.0),
    max_offset=7.0,
    grid=None,
    edges='inside',
    pipeline=sync_pipeline,
)
sync_task = dict(
    dataloader=dict(loader, batch_size=4, dataset=sync_clips),
    evaluator=_base_.sync_evaluator,
)
# Twelve clips of the validation people, to monitor training.
val_clips = dict(
    sync_clips, dataset=dict(sync_recordings, split='val', stride_sec=25.0)
)
sync_val_task = dict(
    dataloader=dict(loader, batch_size=4, dataset=val_clips),
    evaluator=_base_.sync_evaluator,
)

# Localisation when a quarter of the people wear nothing and the wearers of
# another quarter of the sensors are out of view. The threshold for no match is
# chosen on validation people (role='gallery'); results are on test people.
open_windows = dict(
    type='SyntheticMotionDataset',
    split='test',
    people=(2, 4),
    window_sec=window_sec,
    stride_sec=5.0,
    anchor='clock',
    pipeline=[
        dict(type='HideModality', imu_prob=0.25, pose_prob=0.25),
        *test_pipeline,
    ],
    test_mode=True,
)
open_gallery = dict(open_windows, split='val', role='gallery')
localization_open_task = dict(
    dataloader=dict(
        loader,
        dataset=dict(
            type='ConcatDataset', datasets=[open_gallery, open_windows]
        ),
    ),
    evaluator=[dict(type='OpenLocalizationMetric')],
)

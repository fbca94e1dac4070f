# TotalCapture: IMU, Vicon and video share a 60 Hz clock.
# Subjects 1 to 3 for training, 4 for validation, 5 for testing.
_base_ = './recordings.py'

source = dict(type='TotalCaptureDataset', data_root='data/totalcapture')
placements = ('left_wrist', 'right_wrist', 'left_knee', 'right_knee', 'head')
imu_channels = ('acc', 'quat')
window_sec = 5.0
imu_rate = 60
pose_rate = 60

test_pipeline = [
    dict(type='LoadWindow', placements=placements, channels=imu_channels),
    dict(type='ResampleIMU', rate=imu_rate),
    dict(type='ResamplePose', rate=pose_rate),
    dict(type='NormalizeKeypoints', mode='torso'),
    dict(type='PackIMUPose', placements=placements, imu_channels=imu_channels),
]
train_pipeline = [dict(type='RandomWindow', max_shift_sec=1.0), *test_pipeline]
# From KeepStreams on, nothing outside the clip is visible.
sync_pipeline = [
    test_pipeline[0],
    dict(type='KeepStreams'),
    *test_pipeline[1:-1],
    dict(test_pipeline[-1], meta_keys=_base_.sync_meta_keys),
]

windows = dict(source, window_sec=window_sec, stride_sec=2.0)
queries = dict(windows, pipeline=test_pipeline, test_mode=True)
# 1-NN action recognition takes its neighbours from the training subjects.
gallery = dict(
    queries,
    ann_file='annotations/train.json',
    role='gallery',
    stride_sec=5.0,
    filter_cfg=dict(labelled=True),
)
val_queries = dict(queries, ann_file='annotations/val.json')
test_queries = dict(queries, ann_file='annotations/test.json')
train_dataloader = dict(dataset=dict(windows, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(datasets=[gallery, val_queries]))
test_dataloader = dict(dataset=dict(datasets=[gallery, test_queries]))
sync_clips = dict(dataset=source, pipeline=sync_pipeline)
test_cfg = dict(tasks=dict(sync=dict(dataloader=dict(dataset=sync_clips))))

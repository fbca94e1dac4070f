# Your own recordings, written by `mobind convert tables`. Sensors that a
# recording lacks are masked. List the placements of your sensors here; the
# model follows.
_base_ = './recordings.py'

source = dict(type='IMUPoseDataset', data_root='data/own_data')
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
train_pipeline = [
    dict(type='RandomWindow', max_shift_sec=1.25),
    *test_pipeline[:-1],
    dict(type='RandomIMURotation', max_deg=30),
    test_pipeline[-1],
]
# From KeepStreams on, nothing outside the clip is visible.
sync_pipeline = [
    test_pipeline[0],
    dict(type='KeepStreams'),
    *test_pipeline[1:-1],
    dict(test_pipeline[-1], meta_keys=_base_.sync_meta_keys),
]

windows = dict(source, window_sec=window_sec, stride_sec=2.5)
queries = dict(windows, pipeline=test_pipeline, test_mode=True)
# 1-NN action recognition takes its neighbours from here, if there are labels.
gallery = dict(queries, ann_file='annotations/train.json', role='gallery')
# The windows of people filmed together coincide.
clock = dict(anchor='clock')
val_queries = dict(queries, ann_file='annotations/val.json', **clock)
test_queries = dict(queries, ann_file='annotations/test.json', **clock)
loader = dict(batch_size=32, num_workers=2)
train_dataloader = dict(
    loader, dataset=dict(windows, stride_sec=1.0, pipeline=train_pipeline)
)
val_dataloader = dict(loader, dataset=dict(datasets=[gallery, val_queries]))
test_dataloader = dict(loader, dataset=dict(datasets=[gallery, test_queries]))
# The action metrics need labels; without labels, test with
# --tasks retrieval localization sync.
val_evaluator = [dict(type='RetrievalMetric', galleries=('all',))]
# Clips of 10 s, shifted within recordings that are longer.
sync_clips = dict(
    dataset=dict(source, window_sec=10.0),
    max_offset=5.0,
    grid=None,
    edges='inside',
    pipeline=sync_pipeline,
)
sync_loader = dict(batch_size=4, num_workers=2, dataset=sync_clips)
test_cfg = dict(tasks=dict(sync=dict(dataloader=sync_loader)))

# Captured and procedural people with simulated sensors and cameras. Only
# clips whose licence lets trained weights be shipped take part; see
# docs/motion_capture.md.
_base_ = '../tasks/metrics.py'

mocap_root = 'data/mocap'
sources = [
    f'{mocap_root}/ui_prmd.npz',
    f'{mocap_root}/cmu_amc.npz',
    f'{mocap_root}/cmu_actions8.npz',
    'procedural',
]
# How often everything is used, each time with other straps, sensors, cameras
# and errors. 150 takes and 100 MB each.
variants = 8
placements = (
    *('head', 'sternum', 'pelvis'),
    *('left_upper_arm', 'left_wrist', 'left_hand'),
    *('left_thigh', 'left_knee', 'left_foot'),
    *('right_upper_arm', 'right_wrist', 'right_hand'),
    *('right_thigh', 'right_knee', 'right_foot'),
)
# A recording may have these instead.
stand_ins = dict(
    left_forearm='left_wrist',
    right_forearm='right_wrist',
    left_shank='left_knee',
    right_shank='right_knee',
)
worn = ('left_wrist', 'right_wrist', 'left_knee', 'right_knee', 'head')
window_sec = 5.0
imu_rate = 25
pose_rate = 25

load = [
    dict(type='LoadWindow', channels=('acc', 'gyro', 'quat')),
    dict(type='ResampleIMU', rate=imu_rate),
    dict(type='ResamplePose', rate=pose_rate),
]
pack = dict(
    type='PackIMUPose',
    placements=placements,
    imu_channels=('acc',),
    optional_channels=('gyro', 'quat'),
    stand_ins=stand_ins,
    limb_layout='coco',
)
test_pipeline = [
    *load,
    dict(type='ToSpecificForce'),
    dict(type='NormalizeKeypoints', mode='body'),
    pack,
]
train_pipeline = [
    dict(type='RandomWindow', max_shift_sec=1.25),
    *load,
    dict(type='RandomSensorSubset', most=6, more_limbs=2),
    dict(type='NormalizeKeypoints', mode='body'),
    dict(type='RandomPoseRotation', max_deg=10),
    dict(
        type='RandomPoseScale', factors=(0.85, 1.2), aspect_factors=(0.75, 1.4)
    ),
    dict(type='RandomIMUScale', factors=(0.95, 1.05)),
    dict(type='RandomUnplaced', prob=0.2),
    pack,
]

windows = dict(
    type='MotionCaptureDataset', sources=sources, window_sec=window_sec
)
train_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    worker_init_fn=dict(type='mobind_mm.seed_worker'),
    collate_fn=dict(type='mobind_mm.packed_collate'),
    dataset=dict(
        type='PackedDataset',
        cache_dir='work_dirs/packed',
        dataset=dict(
            windows,
            split='train',
            variants=variants,
            stride_sec=2.5,
            pipeline=train_pipeline,
        ),
    ),
)
# The five sensors that most data sets have, on people who do not train.
queries = dict(
    windows,
    split='val',
    num_procedural=6,
    stride_sec=2.5,
    pipeline=[
        dict(type='KeepSensors', placements=worn, limbs_too=True),
        *test_pipeline,
    ],
    test_mode=True,
)
val_dataloader = dict(
    batch_size=64,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=queries,
)
# Inference prepares recordings like the test data: with all their sensors.
test_dataloader = dict(
    val_dataloader, dataset=dict(queries, split='test', pipeline=test_pipeline)
)
val_evaluator = [dict(type='RetrievalMetric', galleries=('all',))]
test_evaluator = val_evaluator
# Synchronisation in clips of 10 s.
sync_clips = dict(
    type='SyncClipDataset',
    dataset=dict(
        windows,
        split='test',
        num_procedural=6,
        window_sec=10.0,
        stride_sec=10.0,
    ),
    max_offset=5.0,
    grid=None,
    edges='inside',
    pipeline=[
        dict(type='KeepSensors', placements=worn, limbs_too=True),
        test_pipeline[0],
        # From here on, nothing outside the clip is visible.
        dict(type='KeepStreams'),
        *test_pipeline[1:-1],
        dict(pack, meta_keys=_base_.sync_meta_keys),
    ],
)
sync_task = dict(
    dataloader=dict(
        batch_size=4,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=sync_clips,
    ),
    evaluator=_base_.sync_evaluator,
)
test_cfg = dict(type='MultiTaskTestLoop', tasks=dict(sync=sync_task))

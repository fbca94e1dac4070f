# UTD-MHAD as models of any sensor see it: both modalities at 25 Hz, people in
# units of their bodies, channels relative to gravity. In tests the skeleton
# shows both limbs, so that a gallery does not tell which one has the sensor.
_base_ = './utd_mhad_windows.py'

imu_rate = 25
pose_rate = 25
placements = ('right_wrist', 'right_thigh')
window_meta_keys = (
    *('sample_idx', 'take', 'subject', 'scene', 'camera', 'role', 'action'),
    *('window_start', 'window_sec', 'imu_rate', 'pose_rate'),
)
load = [
    dict(type='LoadWindow', channels=('acc', 'gyro', 'quat')),
    dict(type='ResampleIMU', rate=imu_rate),
    dict(type='ResamplePose', rate=pose_rate),
    dict(type='NormalizeKeypoints', mode='body'),
]
pack = dict(
    type='PackIMUPose',
    placements=placements,
    imu_channels=('acc',),
    optional_channels=('gyro', 'quat'),
    limb_layout='coco',
)
test_pipeline = [*load, pack]
train_pipeline = [
    *_base_.random_window,
    *load,
    *_base_.augmentation,
    dict(pack, paired_only=True),
]
# From KeepStreams on, nothing outside the window is visible.
streams_pipeline = [
    load[0],
    dict(type='KeepStreams'),
    *load[1:],
    dict(pack, meta_keys=(*window_meta_keys, 'streams')),
]
sync_pipeline = [
    *streams_pipeline[:-1],
    dict(pack, meta_keys=_base_.sync_meta_keys),
]

queries = dict(_base_.queries, pipeline=test_pipeline)
# 1-NN takes its neighbours from the training subjects.
gallery = dict(queries, ann_file='annotations/train.json', role='gallery')
train_dataloader = dict(
    drop_last=True, dataset=dict(dataset=dict(pipeline=train_pipeline))
)
test_dataloader = dict(
    dataset=dict(type='ConcatDataset', datasets=[gallery, queries])
)
val_dataloader = test_dataloader
# The mean of limb features and tokens, alone and with the signals. Their
# weight was chosen on training subjects, see docs/results_choices.md.
val_evaluator = [
    dict(type='RetrievalMetric', similarity='mean', galleries=('all',)),
    dict(type='ActionKNNMetric'),
]
test_evaluator = [
    dict(type='RetrievalMetric', similarity='mean'),
    dict(type='ActionKNNMetric'),
    dict(type='ActionProbeMetric'),
    dict(type='LocalizationMetric'),
]
both_task = dict(
    dataloader=dict(
        _base_.test_dataloader,
        dataset=dict(queries, pipeline=streams_pipeline),
    ),
    evaluator=[
        dict(
            type='RetrievalMetric',
            similarity='mean',
            signal_weight=0.06,
            prefix='both',
        )
    ],
)
# Whole recordings, as windows 0.25 s apart.
recordings_task = dict(
    dataloader=dict(
        _base_.test_dataloader,
        dataset=dict(
            type='ConcatDataset',
            datasets=[
                dict(gallery, stride_sec=0.25),
                dict(queries, stride_sec=0.25),
            ],
        ),
    ),
    evaluator=[
        dict(
            type='ActionKNNMetric',
            tokens=True,
            by_take=True,
            prefix='recordings',
        )
    ],
)
# Tokens that were trained on these people and sensors count more than those
# of the shipped model elsewhere, see docs/results_choices.md.
synchronizers = dict(
    _base_.synchronizers,
    fused=dict(_base_.synchronizers['fused'], weights=dict(tokens=0.8)),
)
sync_task = dict(
    dataloader=dict(
        _base_.sync_loader,
        dataset=dict(_base_.sync_clips, pipeline=sync_pipeline),
    ),
    evaluator=[dict(type='SyncMetric', synchronizers=synchronizers)],
)
test_cfg = dict(
    type='MultiTaskTestLoop',
    tasks=dict(both=both_task, recordings=recordings_task, sync=sync_task),
)

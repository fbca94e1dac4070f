# UTD-MHAD: recordings of 2 to 6 s with one sensor, on the right wrist or the
# right thigh. Odd subjects for training, even subjects for testing. Holds the
# window pipelines; the neighbouring files set placements and queries.
_base_ = '../tasks/metrics.py'

imu_channels = ('acc', 'gyro')
window_sec = 2.0
imu_rate = 50
pose_rate = 20

random_window = [
    dict(type='RandomSpeed', factors=(0.82, 1.22)),
    dict(type='RandomWindow'),
]
steps = [
    dict(type='LoadWindow'),
    dict(type='ResampleIMU', rate=imu_rate),
    dict(type='ResamplePose', rate=pose_rate),
    dict(type='SmoothKeypoints', sigma_sec=0.05),
    dict(type='NormalizeKeypoints', mode='torso'),
]
augmentation = [
    dict(type='RandomIMURotation', max_deg=30),
    dict(type='RandomIMUScale', factors=(0.8, 1.2)),
    dict(type='RandomIMUNoise', acc_std=0.1, gyro_std=0.02),
    dict(type='RandomPoseRotation', max_deg=15),
    dict(
        type='RandomPoseScale', factors=(0.8, 1.2), aspect_factors=(0.6, 1.6)
    ),
    dict(type='RandomKeypointNoise', std=0.01),
]

# One centred window per recording.
source = dict(type='UTDMHADDataset', data_root='data/utd_mhad')
windows = dict(source, window_sec=window_sec, stride_sec=None)
train_dataloader = dict(
    batch_size=64,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    worker_init_fn=dict(type='mobind_mm.seed_worker'),
    # Whole batches are cut and augmented at once.
    collate_fn=dict(type='mobind_mm.packed_collate'),
    dataset=dict(
        type='BatchedDataset',
        dataset=dict(windows, ann_file='annotations/train.json'),
    ),
)
# Without a pipeline, which the neighbouring files add.
queries = dict(windows, ann_file='annotations/test.json', test_mode=True)
test_dataloader = dict(
    batch_size=64,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
)
# The protocol has no validation subjects. The test subjects are evaluated
# occasionally to monitor training; nothing is chosen based on this.
val_dataloader = test_dataloader

# Synchronisation within a recording: one clip of 2 s, the model's window, from
# the middle, shifted as far as the recording allows, at most by one second.
# Such a clip has no sub-windows, so its tokens vote.
sync_clips = dict(
    type='SyncClipDataset',
    dataset=dict(windows, ann_file='annotations/test.json'),
    max_offset=1.0,
    grid=None,
    edges='inside',
)
sync_loader = dict(
    batch_size=32,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
)
synchronizers = dict(
    fused=dict(type='FusedSynchronizer', min_overlap_sec=0.5),
    correlation=dict(type='CorrelationSynchronizer'),
    vote=dict(type='VoteSynchronizer', level='token', topk=2),
)
sync_clip_evaluator = [dict(type='SyncMetric', synchronizers=synchronizers)]

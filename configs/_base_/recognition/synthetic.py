# The synthetic dataset for MMAction2: generated people, no files. The splits
# have different people. The neighbouring files choose the modalities.
placements = ('left_wrist', 'right_wrist', 'left_knee', 'right_knee', 'head')
imu_channels = ('acc', 'gyro')
window_sec = 5.0
imu_rate = 25
pose_rate = 25
load_steps = [
    dict(
        type='mobind_mm.LoadWindow',
        placements=placements,
        channels=imu_channels,
    )
]
imu_steps = [dict(type='mobind_mm.ResampleIMU', rate=imu_rate)]
imu_augmentation = [dict(type='mobind_mm.RandomIMURotation', max_deg=30)]
pose_steps = [
    dict(type='mobind_mm.ResamplePose', rate=pose_rate),
    dict(type='mobind_mm.NormalizeKeypoints', mode='torso'),
]
imu_format = dict(
    type='mobind_mm.IMUToMMAction',
    placements=placements,
    imu_channels=imu_channels,
)
pose_format = [
    dict(type='mobind_mm.PoseToMMAction'),
    dict(type='FormatGCNInput', num_person=1),
]

# Windows of which one action fills 80 %: MMAction2 needs a label.
windows = dict(
    type='mobind_mm.SyntheticMotionDataset',
    window_sec=window_sec,
    min_label_overlap=0.8,
    filter_cfg=dict(labelled=True),
)
queries = dict(windows, stride_sec=5.0, test_mode=True)
train_dataloader = dict(
    batch_size=32,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(windows, split='train', stride_sec=1.25),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(queries, split='val'),
)
test_dataloader = dict(val_dataloader, dataset=dict(queries, split='test'))

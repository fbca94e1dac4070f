# The embedded default for MMAction2: generated people, no files; those of
# the splits differ. The files beside it choose the modalities.
placements = ('left_wrist', 'right_wrist', 'left_knee', 'right_knee', 'head')
load_steps = [
    dict(
        type='mobind_mm.LoadWindow',
        placements=placements,
        channels=('acc', 'gyro'),
    )
]
imu_steps = [dict(type='mobind_mm.ResampleIMU', rate=25)]
imu_augmentation = [dict(type='mobind_mm.RandomIMURotation', max_deg=30)]
pose_steps = [
    dict(type='mobind_mm.ResamplePose', rate=25),
    dict(type='mobind_mm.NormalizeKeypoints', mode='torso'),
]
imu_format = dict(
    type='mobind_mm.IMUToMMAction',
    placements=placements,
    imu_channels=('acc', 'gyro'),
)
pose_format = [
    dict(type='mobind_mm.PoseToMMAction'),
    dict(type='FormatGCNInput', num_person=1),
]

# Windows that one action fills to 80 %; MMAction2 knows no others.
train_dataloader = dict(
    batch_size=32,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='mobind_mm.SyntheticMotionDataset',
        split='train',
        window_sec=5.0,
        stride_sec=1.25,
        min_label_overlap=0.8,
        filter_cfg=dict(labelled=True),
    ),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mobind_mm.SyntheticMotionDataset',
        split='val',
        window_sec=5.0,
        stride_sec=5.0,
        min_label_overlap=0.8,
        filter_cfg=dict(labelled=True),
        test_mode=True,
    ),
)
test_dataloader = dict(
    val_dataloader, dataset=dict(val_dataloader['dataset'], split='test')
)

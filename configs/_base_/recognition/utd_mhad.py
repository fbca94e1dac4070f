# UTD-MHAD for MMAction2: the window pipelines and the window positions. Odd
# subjects for training, even subjects for testing, with five windows per
# recording. The neighbouring files choose the modalities, because a list in a
# base config cannot be changed in part.
placements = (
    *('left_wrist', 'right_wrist', 'left_thigh', 'right_thigh', 'pelvis'),
)
imu_channels = ('acc', 'gyro')
window_sec = 2.0
imu_rate = 50
pose_rate = 20
window_steps = [
    dict(type='mobind_mm.RandomSpeed', factors=(0.82, 1.22)),
    dict(type='mobind_mm.RandomWindow'),
    dict(type='mobind_mm.LoadWindow'),
]
imu_augmentation = [
    dict(type='mobind_mm.RandomIMURotation', max_deg=30),
    dict(type='mobind_mm.RandomIMUScale', factors=(0.8, 1.2)),
    dict(type='mobind_mm.RandomIMUNoise', acc_std=0.1, gyro_std=0.02),
]
pose_augmentation = [
    dict(type='mobind_mm.RandomPoseRotation', max_deg=15),
    dict(
        type='mobind_mm.RandomPoseScale',
        factors=(0.8, 1.2),
        aspect_factors=(0.6, 1.6),
    ),
    dict(type='mobind_mm.RandomKeypointNoise', std=0.01),
]
imu_steps = [dict(type='mobind_mm.ResampleIMU', rate=imu_rate)]
pose_steps = [
    dict(type='mobind_mm.ResamplePose', rate=pose_rate),
    dict(type='mobind_mm.SmoothKeypoints', sigma_sec=0.05),
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
num_test_clips = 5

windows = dict(
    type='mobind_mm.UTDMHADDataset',
    data_root='data/utd_mhad',
    window_sec=window_sec,
    stride_sec=None,
)
train_dataloader = dict(
    batch_size=32,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(windows, ann_file='annotations/train.json'),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(windows, ann_file='annotations/test.json', test_mode=True),
)
# The protocol has no validation subjects. The test subjects are evaluated at
# the end; nothing is chosen based on this.
val_dataloader = test_dataloader

# mRI: the paper's single-stage objective on motion channels.
_base_ = [
    '../_base_/datasets/mri.py',
    '../_base_/models/mobind_base.py',
    '../_base_/schedules/adam_paper.py',
    '../_base_/default_runtime.py',
]

model = dict(
    imu_tokenizer=dict(
        channels=('acc', 'quat'),
        features=dict(_delete_=True, acc=0.1, quat=1.0, acc_norm=0.2),
    ),
    pose_tokenizer=dict(
        limbs=('left_wrist', 'right_wrist', 'left_knee', 'right_knee'), rate=10
    ),
    imu_backbone=dict(in_channels=8, rate=50),
    pose_backbone=dict(rate=10),
    imu_neck=dict(num_limbs=4),
    pose_neck=dict(num_limbs=4),
    masked_token_head=dict(num_limbs=4),
)

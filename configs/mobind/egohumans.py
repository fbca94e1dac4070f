# EgoHumans: the paper's single-stage objective on motion channels.
_base_ = [
    '../_base_/datasets/egohumans.py',
    '../_base_/models/mobind_base.py',
    '../_base_/schedules/adam_paper.py',
    '../_base_/default_runtime.py',
]

model = dict(
    imu_tokenizer=dict(
        channels=('acc', 'quat'),
        features=dict(_delete_=True, acc=0.1, quat=1.0, acc_norm=0.2),
    ),
    pose_tokenizer=dict(rate=20),
    imu_backbone=dict(in_channels=8, rate=20),
    pose_backbone=dict(rate=20),
)

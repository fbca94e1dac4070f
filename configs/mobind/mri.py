# mRI: the paper's single-stage objective on motion channels.
_base_ = [
    '../_base_/datasets/mri.py',
    '../_base_/models/mobind_base.py',
    '../_base_/schedules/adam_paper.py',
    '../_base_/default_runtime.py',
]

model = dict(
    limbs=_base_.placements,
    imu_rate=_base_.imu_rate,
    pose_rate=_base_.pose_rate,
    window_sec=_base_.window_sec,
    imu_tokenizer=dict(
        channels=_base_.imu_channels,
        features=dict(_delete_=True, acc=0.1, quat=1.0, acc_norm=0.2),
    ),
)

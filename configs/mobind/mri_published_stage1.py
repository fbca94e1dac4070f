# The released recipe on mRI, stage 1 of 2: per-limb encoders, local and token
# terms.
_base_ = [
    '../_base_/datasets/mri_published.py',
    '../_base_/models/mobind_published.py',
    '../_base_/schedules/adam_paper.py',
    '../_base_/default_runtime.py',
]

model = dict(
    limbs=_base_.placements,
    imu_rate=_base_.imu_rate,
    pose_rate=_base_.pose_rate,
    window_sec=_base_.window_sec,
    imu_neck=None,
    pose_neck=None,
    head=dict(global_weight=0.0, local_weight=1.0, token_weight=0.5),
    masked_token_head=None,
)
# As published: 1356 limb clips, that is, 339 windows of four limbs.
train_dataloader = dict(batch_size=339)
auto_scale_lr = dict(base_batch_size=339)
optim_wrapper = dict(optimizer=dict(lr=3e-4, weight_decay=1e-4))
# Published patience for this stage: 1000 epochs.
default_hooks = dict(early_stopping=dict(patience=200))

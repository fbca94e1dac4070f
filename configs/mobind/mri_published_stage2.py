# The released recipe on mRI, stage 2 of 2: clip embeddings from the encoders
# of stage 1. Copy the best checkpoint of stage 1 to the path in load_from
# below, or pass it with --load-from.
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
    head=dict(
        global_weight=1.0,
        local_weight=0.0,
        token_weight=0.0,
        multi_positive_weight=0.1,
    ),
    masked_token_head=dict(loss_weight=0.3),
)
train_dataloader = dict(batch_size=128)
auto_scale_lr = dict(base_batch_size=128)
optim_wrapper = dict(optimizer=dict(weight_decay=1e-4))
load_from = 'work_dirs/mri_published_stage1/stage1.pth'

# MoBind's pose encoder on MMAction2's own skeleton pickle (NTU RGB+D 60,
# cross-subject, 2D). It shows how PoseDataset feeds the encoder; there are no
# results.
_base_ = [
    '../_base_/recognition/skeleton_pickle.py',
    '../_base_/recognition/model_pose.py',
    '../_base_/recognition/schedule_30e.py',
    '../_base_/recognition/runtime.py',
]

model = dict(
    backbone=dict(
        limbs=(
            *('left_wrist', 'right_wrist'),
            *('left_knee', 'right_knee', 'head'),
        ),
        # 100 frames, treated as 5 s.
        rate=20,
        window_sec=5.0,
        encoder=dict(num_segments=5),
    ),
    cls_head=dict(num_classes=60),
)
auto_scale_lr = dict(base_batch_size=16)

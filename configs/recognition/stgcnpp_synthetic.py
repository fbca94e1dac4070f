# Action recognition on the synthetic dataset with MMAction2's ST-GCN++.
_base_ = [
    '../_base_/recognition/synthetic_frames.py',
    '../_base_/recognition/model_stgcnpp.py',
    '../_base_/recognition/schedule_6e.py',
    '../_base_/recognition/runtime.py',
]

model = dict(cls_head=dict(num_classes=12))

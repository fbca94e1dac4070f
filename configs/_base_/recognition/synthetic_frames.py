# The synthetic dataset, the skeleton in the form of MMAction2's GCN recipes:
# 25 frames sampled over the window.
_base_ = './synthetic.py'

train_pipeline = [
    *_base_.load_steps,
    *_base_.pose_steps,
    dict(type='mobind_mm.PoseToMMAction'),
    dict(type='UniformSampleFrames', clip_len=25),
    dict(type='PoseDecode'),
    dict(type='FormatGCNInput', num_person=1),
    dict(type='PackActionInputs'),
]
test_pipeline = [
    *_base_.load_steps,
    *_base_.pose_steps,
    dict(type='mobind_mm.PoseToMMAction'),
    dict(type='UniformSampleFrames', clip_len=25, test_mode=True),
    dict(type='PoseDecode'),
    dict(type='FormatGCNInput', num_person=1),
    dict(type='PackActionInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

# UTD-MHAD, the skeleton in the form of MMAction2's GCN recipes: frames sampled
# over the window, one at random from each of 20 equal parts.
_base_ = './utd_mhad.py'

train_pipeline = [
    *_base_.window_steps,
    *_base_.pose_steps,
    *_base_.pose_augmentation,
    dict(type='mobind_mm.PoseToMMAction'),
    dict(type='UniformSampleFrames', clip_len=20),
    dict(type='PoseDecode'),
    dict(type='FormatGCNInput', num_person=1),
    dict(type='PackActionInputs'),
]
test_pipeline = [
    dict(
        type='mobind_mm.MultiClip',
        num_clips=_base_.num_test_clips,
        transforms=[
            dict(type='mobind_mm.LoadWindow'),
            *_base_.pose_steps,
            dict(type='mobind_mm.PoseToMMAction'),
            dict(type='UniformSampleFrames', clip_len=20, test_mode=True),
            dict(type='PoseDecode'),
            dict(type='FormatGCNInput', num_person=1),
        ],
    ),
    dict(type='PackActionInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

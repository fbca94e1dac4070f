# UTD-MHAD: the skeleton alone.
_base_ = './utd_mhad.py'

train_pipeline = [
    *_base_.window_steps,
    *_base_.pose_steps,
    *_base_.pose_augmentation,
    *_base_.pose_format,
    dict(type='PackActionInputs'),
]
test_pipeline = [
    dict(
        type='mobind_mm.MultiClip',
        num_clips=_base_.num_test_clips,
        transforms=[
            dict(type='mobind_mm.LoadWindow'),
            *_base_.pose_steps,
            *_base_.pose_format,
        ],
    ),
    dict(type='PackActionInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

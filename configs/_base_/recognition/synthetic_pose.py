# The synthetic dataset: the skeleton alone.
_base_ = './synthetic.py'

pipeline = [
    *_base_.load_steps,
    *_base_.pose_steps,
    *_base_.pose_format,
    dict(type='PackActionInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
val_dataloader = dict(dataset=dict(pipeline=pipeline))
test_dataloader = dict(dataset=dict(pipeline=pipeline))

# MMAction2's skeleton pickles, read by its PoseDataset: two people, 100 frames
# sampled over a video and treated as 5 s.
dataset_type = 'PoseDataset'
ann_file = 'data/skeleton/ntu60_2d.pkl'
format_steps = [
    dict(type='PoseDecode'),
    dict(type='FormatGCNInput', num_person=2),
    dict(type='PackActionInputs'),
]
train_pipeline = [
    dict(type='mobind_mm.NormalizeSkeleton', mode='torso'),
    dict(type='UniformSampleFrames', clip_len=100),
    *format_steps,
]
test_pipeline = [
    dict(type='mobind_mm.NormalizeSkeleton', mode='torso'),
    dict(type='UniformSampleFrames', clip_len=100, test_mode=True),
    *format_steps,
]

train_dataloader = dict(
    batch_size=16,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        ann_file=ann_file,
        split='xsub_train',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        ann_file=ann_file,
        split='xsub_val',
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

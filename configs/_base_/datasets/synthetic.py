# The synthetic dataset: windows for training and retrieval.
_base_ = '../tasks/synthetic.py'

test_pipeline = _base_.test_pipeline
train_pipeline = [
    dict(type='RandomWindow', max_shift_sec=1.25),
    *test_pipeline[:-1],
    dict(type='RandomIMURotation', max_deg=30),
    test_pipeline[-1],
]
windows = dict(type='SyntheticMotionDataset', window_sec=_base_.window_sec)
# 1-NN action recognition takes its neighbours from the training subjects. A
# window is included if one action fills 80 % of it.
queries = dict(
    windows,
    stride_sec=5.0,
    min_label_overlap=0.8,
    pipeline=test_pipeline,
    test_mode=True,
)
gallery = dict(queries, split='train', role='gallery')
val_windows = [gallery, dict(queries, split='val')]
test_windows = [gallery, dict(queries, split='test')]
train_dataloader = dict(
    _base_.loader,
    sampler=dict(type='DefaultSampler', shuffle=True),
    worker_init_fn=dict(type='mobind_mm.seed_worker'),
    # Whole batches are cut and augmented at once.
    collate_fn=dict(type='mobind_mm.packed_collate'),
    dataset=dict(
        type='BatchedDataset',
        dataset=dict(
            windows, split='train', stride_sec=2.5, pipeline=train_pipeline
        ),
    ),
)
val_dataloader = dict(
    _base_.loader, dataset=dict(type='ConcatDataset', datasets=val_windows)
)
test_dataloader = dict(
    _base_.loader, dataset=dict(type='ConcatDataset', datasets=test_windows)
)
# In training, synchronisation is evaluated at every third validation.
val_cfg = dict(
    type='MultiTaskValLoop',
    tasks=dict(sync=dict(_base_.sync_val_task, interval=3)),
)
test_cfg = dict(
    type='MultiTaskTestLoop',
    tasks=dict(
        sync=_base_.sync_task, localization_open=_base_.localization_open_task
    ),
)

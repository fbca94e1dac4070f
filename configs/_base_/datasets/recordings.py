# Loaders and protocol for recordings on disk, shared by the neighbouring data
# sets. Each sets its class and root, placements, rates, window and pipelines.
_base_ = '../tasks/metrics.py'

in_order = dict(type='DefaultSampler', shuffle=False)
train_dataloader = dict(
    batch_size=256,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    worker_init_fn=dict(type='mobind_mm.seed_worker'),
    dataset=dict(ann_file='annotations/train.json'),
)
val_dataloader = dict(
    batch_size=256,
    num_workers=4,
    persistent_workers=True,
    sampler=in_order,
    dataset=dict(type='ConcatDataset'),
)
test_dataloader = val_dataloader
# The published protocol: 20 s clips, offsets of 0.1 s * U(-70..70) within
# the recording.
test_cfg = dict(
    type='MultiTaskTestLoop',
    tasks=dict(
        sync=dict(
            dataloader=dict(
                batch_size=8,
                num_workers=4,
                sampler=in_order,
                dataset=dict(
                    type='SyncClipDataset',
                    dataset=dict(
                        ann_file='annotations/test.json',
                        window_sec=20.0,
                        stride_sec=5.0,
                    ),
                    max_offset=7.0,
                    grid=0.1,
                    edges='clamp',
                ),
            ),
            evaluator=_base_.sync_evaluator,
        )
    ),
)

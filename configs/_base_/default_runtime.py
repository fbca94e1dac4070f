default_scope = 'mobind_mm'

default_hooks = dict(
    runtime_info=dict(type='RuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=20, ignore_last=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='CheckpointHook',
        interval=1,
        max_keep_ckpts=2,
        save_best='retrieval/imu2pose_R@1',
        rule='greater',
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    # All processes evaluate and save the same batch statistics.
    sync_buffers=dict(type='SyncBuffersHook'),
    epoch_seed=dict(type='EpochSeedHook'),
    # action='skip' leaves out batches whose loss or gradient is not finite.
    non_finite=dict(type='NonFiniteHook', action='stop'),
    result_table=dict(type='ResultTableHook'),
    training_curve=dict(
        type='TrainingCurveHook',
        metrics=[
            'retrieval/imu2pose_R@1',
            'retrieval/pose2imu_R@1',
            'action/knn_top1',
        ],
    ),
    # As published: 500 epochs without a better validation recall, with 5
    # epochs between evaluations.
    early_stopping=dict(
        type='EarlyStoppingHook',
        monitor='retrieval/imu2pose_R@1',
        rule='greater',
        min_delta=0.0,
        patience=100,
    ),
)

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    # How many seconds a process waits for the others before it gives up.
    dist_cfg=dict(backend='nccl', timeout=1800),
)
log_processor = dict(type='LogProcessor', window_size=20, by_epoch=True)
log_level = 'INFO'
# Add dict(type='TensorboardVisBackend') here for TensorBoard.
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='MoBindVisualizer', vis_backends=vis_backends)
randomness = dict(seed=0)
load_from = None
resume = False

# MMAction2's runtime with what its recognisers need from this package. The
# seed is not set here: MMAction2's train.py sets it from --seed.
custom_imports = dict(imports=['mobind_mm.models.recognizers'])
default_scope = 'mmaction'

default_hooks = dict(
    runtime_info=dict(type='RuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=20, ignore_last=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # The last epoch is evaluated; no checkpoint is selected.
    checkpoint=dict(type='CheckpointHook', interval=10, max_keep_ckpts=1),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    sync_buffers=dict(type='SyncBuffersHook'),
    epoch_seed=dict(type='mobind_mm.EpochSeedHook'),
    non_finite=dict(type='mobind_mm.NonFiniteHook', action='stop'),
)
env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
log_processor = dict(type='LogProcessor', window_size=20, by_epoch=True)
log_level = 'INFO'
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='ActionVisualizer', vis_backends=vis_backends)
load_from = None
resume = False

val_evaluator = [dict(type='AccMetric'), dict(type='mobind_mm.MacroF1Metric')]
test_evaluator = val_evaluator
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

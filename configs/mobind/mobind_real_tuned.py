# The second part of the training of the shipped weights: from the last
# checkpoint of mobind_real.py (load_from), with other straps, sensors and
# cameras, more limbs that could carry a sensor, and what the tasks ask in the
# loss: which limb of the wearer it is, and at which lag.
_base_ = 'mobind_real.py'

model = dict(
    head=dict(limb_weight=0.5, lag_weight=0.5),
    random_crops=dict(full_prob=0.25),
)
subset = dict(type='RandomSensorSubset', most=4, more_limbs=6)
train_dataloader = dict(
    dataset=dict(
        dataset=dict(
            seed=1,
            pipeline=[
                subset if step['type'] == subset['type'] else step
                for step in _base_.train_pipeline
            ],
        )
    )
)
train_cfg = dict(max_epochs=10, val_interval=5)
optim_wrapper = dict(optimizer=dict(lr=4e-4))
param_scheduler = [
    dict(_base_.warm_up, end=1, start_factor=0.1),
    dict(_base_.decay, begin=1),
]

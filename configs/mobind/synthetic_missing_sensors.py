# synthetic.py for any subset of the five sensors: in training, each sensor is
# dropped from a window with the same probability. The skeleton keeps all
# limbs, so that the set of limbs does not reveal the matching window.
_base_ = './synthetic.py'

train_pipeline = [
    *_base_.train_pipeline[:-1],
    dict(type='RandomSensorDrop', prob=0.4, min_sensors=1),
    _base_.train_pipeline[-1],
]
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))

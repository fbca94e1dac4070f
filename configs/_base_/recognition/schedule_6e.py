# AdamW, one epoch of warm-up, cosine decay until the end of training.
_base_ = './schedule_30e.py'

param_scheduler = [dict(_base_.warm_up, end=1), dict(_base_.decay, begin=1)]
train_cfg = dict(max_epochs=6, val_interval=6)

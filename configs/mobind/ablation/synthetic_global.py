# Ablation on the synthetic dataset: the global term alone.
_base_ = './synthetic_local.py'

model = dict(head=dict(local_weight=0.0))

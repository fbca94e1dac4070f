# Ablation on the synthetic dataset: global term only.
_base_ = './synthetic_local.py'

model = dict(head=dict(local_weight=0.0))

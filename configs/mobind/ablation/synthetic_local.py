# Ablation on the synthetic dataset: global + local.
_base_ = './synthetic_token.py'

model = dict(head=dict(token_weight=0.0))

# Ablation on the synthetic dataset: global + local + token.
_base_ = './synthetic_full.py'

model = dict(masked_token_head=None)

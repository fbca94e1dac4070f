# Ablation on UTD-MHAD: global + local + token.
_base_ = './utd_mhad_full.py'

model = dict(masked_token_head=None)

# Ablation on UTD-MHAD: global + local.
_base_ = './utd_mhad_token.py'

model = dict(head=dict(token_weight=0.0))

# Ablation on UTD-MHAD: global term only.
_base_ = './utd_mhad_local.py'

model = dict(head=dict(local_weight=0.0))

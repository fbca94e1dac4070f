# Ablation on UTD-MHAD: the global term alone.
_base_ = './utd_mhad_local.py'

model = dict(head=dict(local_weight=0.0))

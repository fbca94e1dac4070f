# Ablation on the synthetic dataset: the whole single-stage objective, which is
# the README's training. The other rows take terms away from it.
_base_ = '../synthetic.py'

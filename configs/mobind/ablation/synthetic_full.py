# Ablation on the synthetic dataset: the full single-stage objective, as in the
# README. The other rows remove terms from it.
_base_ = '../synthetic.py'

# utd_mhad.py with kernels of 3 samples instead of 5, which saves a fifth of
# a training step.
_base_ = '../utd_mhad.py'

encoder = dict(kernel_size=3)
model = dict(imu_backbone=encoder, pose_backbone=encoder)

# MoBind's encoders stay frozen; only pools and classifiers are trained.
_base_ = './two_stream_mobind_synthetic.py'

model = dict(backbone=dict(imu=dict(frozen=True), pose=dict(frozen=True)))

# Ablation on UTD-MHAD, the released two stages. Stage 1: per-limb encoders,
# local and token terms. Both stages together have as many epochs as one
# training run of the other rows.
_base_ = './utd_mhad_token.py'

model = dict(
    imu_neck=None,
    pose_neck=None,
    head=dict(global_weight=0.0, local_weight=1.0, token_weight=0.5),
)
train_cfg = dict(max_epochs=30, val_interval=30)

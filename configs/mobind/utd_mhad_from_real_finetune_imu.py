# Action recognition on UTD-MHAD from the IMU alone.
_base_ = './utd_mhad_from_real_finetune.py'

model = dict(pose_tokenizer=None, pose_backbone=None)

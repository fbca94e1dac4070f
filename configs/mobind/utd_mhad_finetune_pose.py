# Action recognition on UTD-MHAD from the skeleton alone.
_base_ = './utd_mhad_finetune_imu_pose.py'

model = dict(imu_tokenizer=None, imu_backbone=None)

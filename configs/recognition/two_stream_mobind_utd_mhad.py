# Action recognition on UTD-MHAD from IMU and pose, both encoders pretrained
# with configs/mobind/utd_mhad.py.
_base_ = './two_stream_utd_mhad.py'

checkpoint = 'work_dirs/utd_mhad/epoch_300.pth'
pretrained = dict(type='Pretrained', checkpoint=checkpoint)
model = dict(
    backbone=dict(
        imu=dict(
            encoder=dict(init_cfg=dict(pretrained, prefix='imu_backbone.'))
        ),
        pose=dict(
            encoder=dict(init_cfg=dict(pretrained, prefix='pose_backbone.'))
        ),
    )
)

# Action recognition on the synthetic dataset from IMU and pose, both encoders
# pretrained with configs/mobind/synthetic.py.
_base_ = './two_stream_synthetic.py'

checkpoint = 'work_dirs/synthetic/epoch_12.pth'
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

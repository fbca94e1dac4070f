# Action recognition on the synthetic dataset with MoBind's IMU encoder,
# pretrained with configs/mobind/synthetic.py.
_base_ = './imu_synthetic.py'

checkpoint = 'work_dirs/synthetic/epoch_12.pth'
model = dict(
    backbone=dict(
        encoder=dict(
            init_cfg=dict(
                type='Pretrained',
                checkpoint=checkpoint,
                prefix='imu_backbone.',
            )
        )
    )
)

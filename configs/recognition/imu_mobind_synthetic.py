# Actions of the synthetic dataset by MoBind's IMU encoder, trained by
# configs/mobind/synthetic.py.
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

# Actions of UTD-MHAD by MoBind's IMU encoder, trained by
# configs/mobind/utd_mhad.py.
_base_ = './imu_utd_mhad.py'

checkpoint = 'work_dirs/utd_mhad/epoch_300.pth'
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

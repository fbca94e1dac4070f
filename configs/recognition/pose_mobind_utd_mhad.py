# Action recognition on UTD-MHAD with MoBind's pose encoder, pretrained with
# configs/mobind/utd_mhad.py.
_base_ = './pose_utd_mhad.py'

checkpoint = 'work_dirs/utd_mhad/epoch_300.pth'
model = dict(
    backbone=dict(
        encoder=dict(
            init_cfg=dict(
                type='Pretrained',
                checkpoint=checkpoint,
                prefix='pose_backbone.',
            )
        )
    )
)

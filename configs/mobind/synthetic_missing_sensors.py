# synthetic.py for any subset of the five sensors: in training each sensor is
# left out of a window with the same probability. The skeleton keeps all
# limbs, so that the set of limbs does not give the matching window away.
_base_ = './synthetic.py'

placements = ('left_wrist', 'right_wrist', 'left_knee', 'right_knee', 'head')
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='RandomWindow', max_shift_sec=1.25),
            dict(
                type='LoadWindow',
                placements=placements,
                channels=('acc', 'gyro'),
            ),
            dict(type='ResampleIMU', rate=25),
            dict(type='ResamplePose', rate=25),
            dict(type='NormalizeKeypoints', mode='torso'),
            dict(type='RandomIMURotation', max_deg=30),
            dict(type='RandomSensorDrop', prob=0.4, min_sensors=1),
            dict(
                type='PackIMUPose',
                placements=placements,
                imu_channels=('acc', 'gyro'),
            ),
        ]
    )
)

"""Configs of small models of three limbs, without dropout."""

LIMBS = ('left_wrist', 'right_wrist', 'head')


def encoder(channels, rate, **changes):
    """One layer of 16 dimensions; windows of 1 s unless they change."""
    cfg = dict(type='ConvFormer', in_channels=channels, rate=rate)
    cfg.update(window_sec=1.0, conv_channels=(8, 8), embed_dims=16)
    cfg.update(num_layers=1, num_heads=2, ffn_dims=16)
    cfg.update(conv_dropout=0.0, dropout=0.0, out_dropout=0.0)
    return {**cfg, **changes}


def parts():
    """Tokenizers and encoders of both modalities, by MoBind's names."""
    sizes = dict(acc=0.1, gyro=1.0, acc_norm=0.1, gyro_norm=1.0)
    imu = dict(type='IMUTokenizer', channels=('acc', 'gyro'), features=sizes)
    moves = dict(relative=1.0, velocity=0.1, acceleration=0.01)
    pose = dict(type='LimbTokenizer', limbs=LIMBS, rate=20, features=moves)
    return dict(
        imu_tokenizer=imu,
        imu_backbone=encoder(8, 50),
        pose_tokenizer=pose,
        pose_backbone=encoder(16, 20),
    )

"""Small models of three limbs, without dropout, and what tests ask of them."""

from contextlib import contextmanager

import torch

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


def per_limb():
    """MoBind of these parts, without necks."""
    head = dict(type='HierarchicalContrastiveHead', embed_dims=16)
    head['global_weight'] = 0.0
    return dict(type='MoBind', head=head, **parts())


def spoiled(inputs):
    """Large numbers or NaN for all that stands behind a mask."""
    imu = torch.where(inputs['imu_mask'][..., None, None], inputs['imu'], 1e3)
    mask = inputs['pose_mask'][:, :, None]
    return {
        **inputs,
        'imu': imu,
        'pose': torch.where(mask, inputs['pose'], torch.nan),
    }


def smoothed_loss(logits, actions, rows, eps=0.2):
    """Mean cross-entropy of some rows against smoothed labels."""
    total, classes = 0.0, logits.shape[1]
    for row in rows:
        target = torch.full((classes,), eps / classes)
        target[actions[row]] += 1 - eps
        total -= (target * logits[row].log_softmax(0)).sum()
    return total / len(rows)


@contextmanager
def kept_numbers(kept):
    """Note the size of every tensor that is kept for the backward pass."""

    def note(tensor):
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        yield

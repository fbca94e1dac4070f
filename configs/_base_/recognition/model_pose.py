# MoBind's pose encoder (that of mobind_small.py, in the variant for UTD-MHAD)
# as the backbone of MMAction2's skeleton recogniser. A derived config sets
# limbs, rate and window_sec for its data.
_base_ = '../models/utd_mhad_parts.py'

model = dict(
    type='RecognizerGCN',
    backbone=dict(
        type='mobind_mm.PoseLimbBackbone',
        out_dims=256,
        tokenizer=_base_.pose_tokenizer,
        encoder=_base_.encoder,
    ),
    cls_head=dict(
        type='GCNHead',
        num_classes=27,
        in_channels=256,
        dropout=0.5,
        label_smooth_eps=0.1,
    ),
)

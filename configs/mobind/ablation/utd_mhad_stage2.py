# Ablation on UTD-MHAD, the released two stages. Stage 2: clip embeddings from
# the encoders of stage 1; global, multi-positive and masked token terms.
_base_ = './utd_mhad_full.py'

model = dict(
    head=dict(
        global_weight=1.0,
        local_weight=0.0,
        token_weight=0.0,
        multi_positive_weight=0.1,
    )
)
load_from = 'work_dirs/utd_mhad_stage1/epoch_30.pth'
train_cfg = dict(max_epochs=30, val_interval=30)

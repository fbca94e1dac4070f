# Ablation on the synthetic dataset, the released two stages. Stage 2: clip
# embeddings from the encoders of stage 1; global, multi-positive and masked
# token terms.
_base_ = './synthetic_full.py'

model = dict(
    head=dict(
        global_weight=1.0,
        local_weight=0.0,
        token_weight=0.0,
        multi_positive_weight=0.1,
    )
)
load_from = 'work_dirs/synthetic_stage1/epoch_6.pth'
train_cfg = dict(max_epochs=6, val_interval=6)

# MMAction2's ST-GCN++ on the 2D skeleton.
model = dict(
    type='RecognizerGCN',
    backbone=dict(
        type='STGCN',
        gcn_adaptive='init',
        gcn_with_res=True,
        tcn_type='mstcn',
        graph_cfg=dict(layout='coco', mode='spatial'),
    ),
    cls_head=dict(type='GCNHead', num_classes=27, in_channels=256),
)

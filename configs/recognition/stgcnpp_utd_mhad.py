# Actions of UTD-MHAD by MMAction2's ST-GCN++ on our windows of the skeleton.
_base_ = [
    '../_base_/recognition/utd_mhad_pose.py',
    '../_base_/recognition/model_stgcnpp.py',
    '../_base_/recognition/schedule_30e.py',
    '../_base_/recognition/runtime.py',
]

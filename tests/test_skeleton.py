import runpy

import pytest

from mobind_mm import skeleton
from mobind_mm.skeleton import LAYOUTS, LIMBS, Limb, get_layout, limb_indices

MMPOSE = skeleton._mmpose_layout_files()
needs_mmpose = pytest.mark.skipif(
    not MMPOSE, reason='the files of mmpose are not installed'
)


@needs_mmpose
@pytest.mark.parametrize('name', sorted(LAYOUTS))
def test_built_in_layouts_are_those_of_mmpose(name):
    info = runpy.run_path(MMPOSE[name])['dataset_info']['keypoint_info']
    expected = {keypoint['id']: keypoint['name'] for keypoint in info.values()}
    assert dict(enumerate(LAYOUTS[name])) == expected


@needs_mmpose
@pytest.mark.parametrize('name', ['aic', 'mpii', 'jhmdb', 'crowdpose'])
def test_other_layouts_of_mmpose_have_arms_and_legs(name):
    layout = get_layout(name)
    limbs = ('left_wrist', 'right_wrist', 'left_knee', 'right_knee')
    for limb, indices in zip(limbs, limb_indices(name, limbs)):
        assert tuple(layout[i] for i in indices) == LIMBS[limb].keypoints


def test_layout_is_read_from_a_file_of_mmpose(tmp_path, monkeypatch):
    file = tmp_path / 'stick.py'
    file.write_text(
        "dataset_info = dict(dataset_name='stick', keypoint_info={\n"
        "    2: dict(name='left_hip', id=2), 0: dict(name='nose', id=0),\n"
        "    1: dict(name='left_eye', id=1)})\n"
    )
    monkeypatch.setattr(
        skeleton, '_mmpose_layout_files', lambda: {'stick': str(file)}
    )
    get_layout.cache_clear()
    assert get_layout('stick') == ('nose', 'left_eye', 'left_hip')
    with pytest.raises(ValueError, match=r"'stick'.*choose|no keypoint"):
        limb_indices('stick', ['left_wrist'])
    get_layout.cache_clear()


# Indices as they stand in the MoBind and MMPose documentation.
@pytest.mark.parametrize(
    ('layout', 'limb', 'indices'),
    [
        ('coco', 'left_wrist', [5, 7, 9]),
        ('coco', 'right_wrist', [6, 8, 10]),
        ('coco', 'left_knee', [11, 13, 15]),
        ('coco', 'right_knee', [12, 14, 16]),
        ('coco', 'right_thigh', [12, 14, 16]),
        ('coco', 'head', [0, 1, 2]),
        ('halpe26', 'right_wrist', [6, 8, 10]),
        ('coco_wholebody', 'left_knee', [11, 13, 15]),
        ('h36m', 'left_wrist', [11, 12, 13]),
        ('h36m', 'right_knee', [1, 2, 3]),
    ],
)
def test_limb_indices(layout, limb, indices):
    assert limb_indices(layout, [limb]) == [indices]


@pytest.mark.parametrize(
    ('name', 'size'),
    [('coco', 17), ('halpe26', 26), ('h36m', 17), ('coco_wholebody', 133)],
)
def test_layouts_are_complete_and_symmetric(name, size):
    layout = get_layout(name)
    assert len(layout) == len(set(layout)) == size
    mirrored = {'left': 'right', 'right': 'left'}
    for keypoint in layout:
        side, _, rest = keypoint.partition('_')
        if side in mirrored:
            assert f'{mirrored[side]}_{rest}' in layout


def test_own_limb():
    limb = Limb('neck', ('left_shoulder', 'right_shoulder', 'nose'))
    assert limb_indices('coco', [limb, 'head']) == [[5, 6, 0], [0, 1, 2]]


def test_unknown_names():
    with pytest.raises(ValueError, match="'left_writs'.*left_wrist"):
        limb_indices('coco', ['left_writs'])
    with pytest.raises(ValueError, match="'cocoo'.*coco"):
        get_layout('cocoo')
    with pytest.raises(ValueError, match="'head'.*'h36m'.*'nose'"):
        limb_indices('h36m', ['head'])

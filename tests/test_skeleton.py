import re
import runpy

import pytest

from mobind_mm import skeleton
from mobind_mm.skeleton import (
    LAYOUTS,
    LIMBS,
    Limb,
    get_layout,
    layout_limbs,
    limb_indices,
    placement_name,
    register_limb,
)

MMPOSE = skeleton._mmpose_layout_files()
needs_mmpose = pytest.mark.skipif(
    not MMPOSE, reason='the files of mmpose are not installed'
)


@needs_mmpose
@pytest.mark.parametrize('name', sorted({*LAYOUTS} & {*MMPOSE}))
def test_built_in_layouts_are_those_of_mmpose(name):
    info = runpy.run_path(MMPOSE[name])['dataset_info']['keypoint_info']
    expected = {keypoint['id']: keypoint['name'] for keypoint in info.values()}
    assert dict(enumerate(LAYOUTS[name])) == expected


# What the files of mmpose 1.3.2 show: people with a face, without one, and
# what is no person's body, with the limbs that have the same names there.
WITH_FACE = (
    'coco', 'coco_aic', 'coco_openpose', 'coco_wholebody',
    'coco_wholebody_openpose', 'h3wb', 'halpe', 'halpe26', 'humanart',
    'humanart21', 'humanart_aic', 'ochuman', 'panoptic_body3d', 'ubody2d',
    'ubody3d', 'macaque',
)  # fmt: skip
WITHOUT_FACE = (
    'aic', 'campus', 'crowdpose', 'exlpose', 'h36m', 'jhmdb', 'mhp',
    'mpi_inf_3dhp', 'mpii', 'mpii_trb', 'posetrack18', 'shelf',
)  # fmt: skip
TRUNK = ['sternum', 'pelvis']
OTHERS = {'animalpose': ['head'], 'ap10k': ['head', *TRUNK], 'atrw': TRUNK}


@needs_mmpose
@pytest.mark.parametrize('name', sorted(MMPOSE))
def test_limbs_of_every_layout_of_mmpose(name):
    """Arms and legs are in every body, the head where it has a face."""
    file = runpy.run_path(MMPOSE[name])['dataset_info']['keypoint_info']
    names = {index: file[index]['name'] for index in file}
    assert dict(enumerate(get_layout(name))) == names
    expected = OTHERS.get(name, [])
    if name in WITH_FACE or name in WITHOUT_FACE:
        expected = [
            limb for limb in LIMBS if name in WITH_FACE or limb != 'head'
        ]
    assert layout_limbs(name) == expected
    for limb in LIMBS.values():
        if limb.name in expected:
            (indices,) = limb_indices(name, [limb])
            seen = limb.seen_by(name)
            assert seen == limb or limb.name.endswith('foot')
            for index, keypoint in zip(indices, seen.keypoints):
                assert same_joint(names[index], keypoint)
        else:
            message = f"{limb.name!r}.*{name!r} has no keypoint '"
            with pytest.raises(ValueError, match=message) as caught:
                limb_indices(name, [limb])
            missing = re.search("no keypoint '(.*?)'", str(caught.value))[1]
            last = limb.fallback or limb
            assert missing in last.keypoints
            assert missing not in names.values()


def same_joint(name, keypoint):
    """Compare side and joint; the feet of h36m are its ankles."""
    name = name.lower().replace('foot', 'ankle')
    joint = keypoint.rpartition('_')[2]
    return name.endswith(joint) and name[:1] == keypoint[:1]


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
    with pytest.raises(ValueError, match="'head'.*'h36m'.*'nose'.*limbs that"):
        limb_indices('h36m', ['head'])


def test_a_limb_is_registered_once(monkeypatch):
    monkeypatch.setattr(skeleton, 'LIMBS', dict(LIMBS))
    limb = Limb('neck', ('left_shoulder', 'right_shoulder', 'nose'))
    with pytest.raises(ValueError, match=r"'neck'.*register_limb"):
        limb_indices('coco', ['neck'])
    assert register_limb(limb) is limb
    assert limb_indices('coco', ['neck', 'head']) == [[5, 6, 0], [0, 1, 2]]
    assert 'neck' in layout_limbs('coco')
    # Importing its module again changes nothing.
    assert register_limb(Limb('neck', limb.keypoints)) == limb
    for name, keypoints in (
        ('neck', ('left_shoulder', 'right_shoulder', 'left_eye')),
        ('head', ('nose', 'left_ear', 'right_ear')),
    ):
        with pytest.raises(
            ValueError, match=f"'{name}' is registered already"
        ):
            register_limb(Limb(name, keypoints))
    assert skeleton.LIMBS['head'] == LIMBS['head']


@pytest.mark.parametrize(
    'name, keypoints, message',
    [
        ('', ('nose', 'left_eye', 'right_eye'), 'must be a word'),
        ('a/b', ('nose', 'left_eye', 'right_eye'), 'must not have a slash'),
        ('a', ('nose', 'left_eye'), 'three different names'),
        ('a', ('nose', 'nose', 'left_eye'), 'three different names'),
        ('a', 'nose', 'three different names'),
        ('a', (0, 1, 2), 'three different names'),
    ],
)
def test_what_is_not_a_limb(name, keypoints, message):
    with pytest.raises(ValueError, match=message):
        Limb(name, keypoints)


# The published limbs: names, keypoints, and the number of each in a batch.
PUBLISHED = {
    'head': ('nose', 'left_eye', 'right_eye'),
    'pelvis': ('left_hip', 'right_hip', 'left_shoulder'),
    **{
        f'{side}_{place}': tuple(f'{side}_{joint}' for joint in joints)
        for side in ('left', 'right')
        for place, joints in (
            ('wrist', ('shoulder', 'elbow', 'wrist')),
            ('knee', ('hip', 'knee', 'ankle')),
            ('thigh', ('hip', 'knee', 'ankle')),
        )
    },
}


def test_limbs_of_the_published_models_stay():
    assert len(LIMBS) == 19
    for name, keypoints in PUBLISHED.items():
        assert LIMBS[name].keypoints == keypoints


@pytest.mark.parametrize(
    ('name', 'ours'),
    [
        ('Chest', 'sternum'),
        ('left lower leg', 'left_shank'),
        ('RIGHT_FOREARM', 'right_forearm'),
        ('Right Wrist', 'right_wrist'),
        ('waist', 'pelvis'),
        ('left-ankle', 'left_shank'),
        ('l_wrist', 'left_wrist'),
        ('LeftWrist', 'left_wrist'),
        ('wrist_left', 'left_wrist'),
        ('rUpperArm', 'right_upper_arm'),
        ('thigh R', 'right_thigh'),
        ('pocket', 'pocket'),
        ('wrist', 'wrist'),
    ],
)
def test_other_names_of_placements(name, ours):
    assert placement_name(name) == ours


def test_feet_without_toes():
    """The shank stands for the foot in layouts that lack its toes."""
    foot = LIMBS['left_foot']
    assert foot.seen_by('halpe26') is foot
    assert limb_indices('halpe26', ['left_foot']) == [[13, 15, 20]]
    assert limb_indices('coco', ['left_foot']) == [[11, 13, 15]]
    assert foot.seen_by('coco').point == (0.0, 0.0, 1.0)

"""Readers of motion capture against motions that are known."""

import importlib.util

import numpy as np
import pytest
from helpers.motions import compact
from helpers.shared import shared_path
from scipy.spatial.transform import Rotation

from mobind_mm.readers.motions import (
    FREE_LICENCES,
    read_motions,
    unpack_motion,
)
from mobind_mm.readers.motions.body import JOINT, SEGMENT

# Name, parent, offset in centimetres: y up, x left, z ahead, in a T-pose.
TREE = (
    ('Hips', None, (0, 0, 0)),
    ('LeftUpLeg', 'Hips', (10, 0, 0)),
    ('LeftLeg', 'LeftUpLeg', (0, -42, 0)),
    ('LeftFoot', 'LeftLeg', (0, -41, 0)),
    ('LeftToeBase', 'LeftFoot', (0, -4, 14)),
    ('RightUpLeg', 'Hips', (-10, 0, 0)),
    ('RightLeg', 'RightUpLeg', (0, -42, 0)),
    ('RightFoot', 'RightLeg', (0, -41, 0)),
    ('Spine', 'Hips', (0, 20, 0)),
    ('Neck', 'Spine', (0, 30, 0)),
    ('Head', 'Neck', (0, 10, 0)),
    ('LeftArm', 'Spine', (18, 25, 0)),
    ('LeftForeArm', 'LeftArm', (30, 0, 0)),
    ('LeftHand', 'LeftForeArm', (25, 0, 0)),
    ('RightArm', 'Spine', (-18, 25, 0)),
    ('RightForeArm', 'RightArm', (-30, 0, 0)),
    ('RightHand', 'RightForeArm', (-25, 0, 0)),
)


def bvh(frames=5, seconds=0.01, **turns):
    """A BVH file whose joints turn: name to degrees (Z, X, Y)."""

    def write(name, depth):
        pad = '  ' * depth
        children = [n for n, parent, _ in TREE if parent == name]
        offset = next(o for n, _, o in TREE if n == name)
        kind = 'JOINT' if depth else 'ROOT'
        lines = [f'{pad}{kind} {name}', pad + '{']
        lines.append(f'{pad}  OFFSET {offset[0]} {offset[1]} {offset[2]}')
        place = '' if depth else 'Xposition Yposition Zposition '
        lines.append(
            f'{pad}  CHANNELS {3 if depth else 6} {place}'
            'Zrotation Xrotation Yrotation'
        )
        order.append(name)
        for child in children:
            lines += write(child, depth + 1)
        if not children:
            lines += [f'{pad}  End Site', pad + '  {']
            lines += [f'{pad}    OFFSET 0 0 0', pad + '  }']
        return [*lines, pad + '}']

    order = []
    lines = ['HIERARCHY', *write('Hips', 0), 'MOTION', f'Frames: {frames}']
    lines.append(f'Frame Time: {seconds}')
    for frame in range(frames):
        row = [0.0, 90.0, 2.0 * frame]
        for name in order:
            row += turns.get(name, (0.0, 0.0, 0.0))
        lines.append(' '.join(map(str, row)))
    return '\n'.join(lines) + '\n'


def at(motion, name):
    return motion.positions[:, JOINT[name]]


def test_bvh_of_a_bent_arm_in_closed_form(tmp_path):
    path = tmp_path / 'bend.bvh'
    # Forearm up (90 degrees about the axis ahead), after the arm was turned
    # by 30 degrees about the vertical.
    path.write_text(bvh(LeftArm=(0, 0, 30), LeftForeArm=(90, 0, 0)))
    (motion,) = read_motions(path)
    assert motion.rate == pytest.approx(100)
    assert motion.clip == 'bend' and motion.positions.shape == (5, 20, 3)
    assert any('y is up' in n for n in motion.notes)
    assert any('centimetres' in n for n in motion.notes)
    assert any('r_toe' in n and 'l_toe' not in n for n in motion.notes)
    # x left, y up, z ahead becomes x left, -y ahead, z up.
    np.testing.assert_allclose(
        np.diff(at(motion, 'pelvis'), axis=0), np.tile([0, -0.02, 0], (4, 1)),
        atol=1e-9,
    )  # fmt: skip
    upper = at(motion, 'l_elbow') - at(motion, 'l_shoulder')
    c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
    np.testing.assert_allclose(upper[0], [0.3 * c, 0.3 * s, 0], atol=1e-9)
    fore = at(motion, 'l_wrist') - at(motion, 'l_elbow')
    np.testing.assert_allclose(fore[0], [0, 0, 0.25], atol=1e-9)
    right = at(motion, 'r_wrist') - at(motion, 'r_shoulder')
    np.testing.assert_allclose(right[0], [-0.55, 0, 0], atol=1e-9)
    assert at(motion, 'l_toe')[0, 2] == pytest.approx(0, abs=1e-9)
    # The derived toe is ahead of the ankle.
    toe = at(motion, 'r_toe') - at(motion, 'r_ankle')
    np.testing.assert_allclose(toe[0], [0, -0.15, -0.04], atol=1e-9)


def test_segments_turn_with_their_bones(tmp_path):
    path = tmp_path / 'a.bvh'
    path.write_text(bvh(LeftArm=(10, 20, 30), LeftForeArm=(40, 0, 50)))
    (motion,) = read_motions(path)
    world = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    for segment, bone, offset in (
        ('l_upperarm', ('l_shoulder', 'l_elbow'), (0.3, 0, 0)),
        ('l_forearm', ('l_elbow', 'l_wrist'), (0.25, 0, 0)),
        ('r_thigh', ('r_hip', 'r_knee'), (0, -0.42, 0)),
    ):
        quat = motion.orientations[:, SEGMENT[segment]][:, [1, 2, 3, 0]]
        turned = Rotation.from_quat(quat).apply(offset)
        np.testing.assert_allclose(
            turned, at(motion, bone[1]) - at(motion, bone[0]), atol=1e-9
        )
    arm = Rotation.from_euler('ZXY', [10, 20, 30], degrees=True)
    quat = motion.orientations[0, SEGMENT['l_upperarm']][[1, 2, 3, 0]]
    np.testing.assert_allclose(
        Rotation.from_quat(quat).as_matrix(), world @ arm.as_matrix(),
        atol=1e-9,
    )  # fmt: skip


def asf(axis='0 0 20'):
    """An ASF skeleton in CMU's units, with turned bone axes."""
    bones, tree = [], ['root lhipjoint rhipjoint lowerback']
    unit = 0.45 / 2.54  # centimetres to CMU's units

    def bone(name, direction, length, dof):
        bones.append(
            f'  begin\n     id 1\n     name {name}\n     direction '
            f'{direction}\n     length {length * unit}\n'
            f'     axis {axis}  XYZ\n     dof {dof}\n  end'
            if dof
            else f'  begin\n     name {name}\n     direction {direction}\n'
            f'     length {length * unit}\n     axis {axis} XYZ\n  end'
        )

    for s, x in (('l', 1), ('r', -1)):
        bone(f'{s}hipjoint', f'{x} 0 0', 10, '')
        bone(f'{s}femur', '0 -1 0', 42, 'rx ry rz')
        bone(f'{s}tibia', '0 -1 0', 41, 'rx')
        bone(f'{s}foot', '0 0 1', 14, 'rx rz')
        bone(f'{s}clavicle', f'{x} 0 0', 18, 'ry rz')
        bone(f'{s}humerus', f'{x} 0 0', 30, 'rx ry rz')
        bone(f'{s}radius', f'{x} 0 0', 25, 'rx')
        bone(f'{s}wrist', f'{x} 0 0', 8, 'ry')
        tree.append(f'{s}hipjoint {s}femur\n    {s}femur {s}tibia')
        tree.append(f'{s}tibia {s}foot')
    bone('lowerback', '0 1 0', 20, 'rx ry rz')
    bone('thorax', '0 1 0', 25, 'rx ry rz')
    bone('lowerneck', '0 1 0', 10, 'rx')
    bone('head', '0 1 0', 15, 'rx')
    tree.append('lowerback thorax')
    tree.append('thorax lowerneck lclavicle rclavicle\n    lowerneck head')
    for s in 'lr':
        tree.append(f'{s}clavicle {s}humerus\n    {s}humerus {s}radius')
        tree.append(f'{s}radius {s}wrist')
    body, joined = '\n'.join(bones), '\n    '.join(tree)
    return (
        ':version 1.10\n:name x\n:units\n  mass 1.0\n  length 0.45\n'
        '  angle deg\n:root\n   order TX TY TZ RX RY RZ\n   axis XYZ\n'
        f'   position 0 0 0\n:bonedata\n{body}\n:hierarchy\n  begin\n'
        f'    {joined}\n  end\n'
    )


def amc(frames=3, **values):
    dofs = dict(
        root=6, lowerback=3, thorax=3, lowerneck=1, head=1,
        **{f'{s}{n}': d for s in 'lr' for n, d in dict(
            femur=3, tibia=1, foot=2, clavicle=2, humerus=3, radius=1,
            wrist=1).items()},
    )  # fmt: skip
    lines = ['#!OML:ASF', ':FULLY-SPECIFIED', ':DEGREES']
    for frame in range(frames):
        lines.append(str(frame + 1))
        for name, count in dofs.items():
            numbers = values.get(name, (0.0,) * count)
            lines.append(' '.join([name, *map(str, numbers)]))
    return '\n'.join(lines) + '\n'


def test_amc_of_a_turned_arm_in_closed_form(tmp_path):
    (tmp_path / '07.asf').write_text(asf())
    path = tmp_path / '07_01.amc'
    path.write_text(amc(lhumerus=(10.0, 20.0, 30.0), lradius=(40.0,)))
    (motion,) = read_motions(path)
    assert motion.rate == 120 and motion.positions.shape == (3, 20, 3)
    assert (motion.subject, motion.clip) == ('07', '07_01')
    assert any('0.45 inch' in n for n in motion.notes)
    # C R C^-1, where both turn about fixed axes in the order x, y, z.
    axis = Rotation.from_euler('xyz', [0, 0, 20], degrees=True)
    arm = Rotation.from_euler('xyz', [10, 20, 30], degrees=True)
    fore = Rotation.from_euler('x', 40, degrees=True)
    arm, fore = (axis * r * axis.inv() for r in (arm, fore))
    world = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    upper = at(motion, 'l_elbow') - at(motion, 'l_shoulder')
    np.testing.assert_allclose(
        upper[0], world @ arm.apply([0.3, 0, 0]), atol=1e-6
    )
    lower = at(motion, 'l_wrist') - at(motion, 'l_elbow')
    np.testing.assert_allclose(
        lower[0], world @ (arm * fore).apply([0.25, 0, 0]), atol=1e-6
    )
    toe = at(motion, 'l_toe') - at(motion, 'l_ankle')
    np.testing.assert_allclose(toe[0], [0, -0.14, 0], atol=1e-6)
    head = at(motion, 'head') - at(motion, 'neck')
    np.testing.assert_allclose(head[0], [0, 0, 0.25], atol=1e-6)
    with pytest.raises(FileNotFoundError, match='needs its skeleton'):
        (tmp_path / '07.asf').unlink()
        read_motions(path)


def test_amass_poses_turn_an_average_body(tmp_path):
    poses = np.zeros((4, 156))
    poses[:, :3] = [np.pi / 2, 0, 0]  # y up in the model, z in the world
    poses[:, 3 * 18 + 1] = -np.pi / 2  # the left forearm points ahead
    path = tmp_path / 'walk_poses.npz'
    np.savez(
        path, poses=poses, trans=np.tile([1.0, 2.0, 0.9], (4, 1)),
        mocap_framerate=np.array(120.0), betas=np.zeros(16),
        gender=np.array('neutral'),
    )  # fmt: skip
    (motion,) = read_motions(path)
    assert motion.rate == 120
    assert any('average adult' in n for n in motion.notes)
    shoulders = at(motion, 'l_shoulder') - at(motion, 'r_shoulder')
    assert shoulders[0, 0] > 0.3
    assert np.abs(shoulders[0, 1:]).max() < 1e-9
    fore = at(motion, 'l_wrist') - at(motion, 'l_elbow')
    np.testing.assert_allclose(fore[0], [0, -0.146 * 1.7, 0], atol=1e-9)
    assert at(motion, 'head')[0, 2] - at(motion, 'l_ankle')[0, 2] > 1.2


def random_motion(rng, count=40):
    walk = rng.normal(0, 0.01, (count, 20, 3)).cumsum(axis=0) + 1
    turns = rng.normal(0, 0.05, (count, 15, 4)).cumsum(axis=0)
    turns[..., 0] += 2
    return walk, turns / np.linalg.norm(turns, axis=-1, keepdims=True)


def test_compact_files_and_their_licences(tmp_path):
    rng = np.random.default_rng(0)
    clips = {name: random_motion(rng) for name in ('a', 'b')}
    path = tmp_path / 'own.npz'
    compact(path, clips)
    motions = read_motions(tmp_path)
    assert [m.clip for m in motions] == ['a', 'b']
    assert motions[0].source == 'own' and motions[1].subject == 's1'
    for motion, (positions, quats) in zip(motions, clips.values()):
        np.testing.assert_allclose(motion.positions, positions, atol=2e-5)
        np.testing.assert_allclose(motion.orientations, quats, atol=1e-4)
    compact(path, clips, licence='CC BY-SA 3.0')
    with pytest.raises(ValueError, match='CC BY-SA 3.0.*licences=None'):
        read_motions(path)
    assert len(read_motions(path, licences=None)) == 2


def test_differences_wrap_around():
    turns = np.zeros((15, 4, 2), np.int16)
    turns[:, 0] = [30000, 10000]
    pos = np.zeros((20, 3, 2), np.int32)
    _, quats = unpack_motion(pos, turns)
    np.testing.assert_allclose(quats[1, :, 0], -1.0)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda t: t.replace('MOTION', 'MOTOR'), 'no line MOTION'),
        (lambda t: t[:-40], 'may be cut off'),
        (lambda t: t.replace('Frame Time: 0.01', 'Frame Time: x'), 'numbers'),
        (lambda t: t.replace('OFFSET 10 0 0', 'OFFSET 10 z 0'), 'OFFSET'),
        (lambda t: t.replace('LeftForeArm', 'Wing'), 'l_elbow'),
        (lambda t: t.replace('}', '', 1), 'does not end'),
        (lambda t: t.replace('Zrotation', 'Qrotation', 1), 'channels'),
        (lambda t: 'no motion at all', 'is not a motion'),
    ],
)
def test_damaged_bvh_is_one_clear_sentence(tmp_path, change, message):
    path = tmp_path / 'x.bvh'
    path.write_text(change(bvh()))
    with pytest.raises(ValueError, match=message) as error:
        read_motions(path)
    assert str(path) in str(error.value)


def test_damaged_arrays_are_one_clear_sentence(tmp_path):
    path = tmp_path / 'x.npz'
    path.write_bytes(b'PK\x03\x04 nothing')
    with pytest.raises(ValueError, match=r'x\.npz'):
        read_motions(path)
    np.savez(path, poses=np.zeros((4, 10)), trans=np.zeros((3, 3)),
             mocap_framerate=np.array(60.0))  # fmt: skip
    with pytest.raises(ValueError, match=r'poses \(4, 10\)'):
        read_motions(path)
    np.savez(path, data=np.zeros(3))
    with pytest.raises(ValueError, match='not those of a motion'):
        read_motions(path)
    with pytest.raises(FileNotFoundError):
        read_motions(tmp_path / 'none.bvh')
    clips = {'a': random_motion(np.random.default_rng(0))}
    compact(path, clips)
    arrays = dict(np.load(path))
    np.savez(path, **{**arrays, 'length': arrays['length'] + 1})
    with pytest.raises(ValueError, match='do not fit'):
        read_motions(path)


def spoiled(data, rng):
    """The bytes of a file with a few of them changed, or without its end."""
    data = bytearray(data)
    if rng.random() < 0.3:
        return bytes(data[: rng.integers(1, len(data))])
    for at in rng.integers(0, len(data), rng.integers(1, 6)):
        data[at] = rng.integers(0, 256)
    return bytes(data)


@pytest.mark.parametrize('kind', ['npz', 'bvh', 'amc', 'asf', 'csv'])
def test_spoiled_files_raise_one_kind_of_error(tmp_path, kind):
    rng = np.random.default_rng(0)
    files = dict(
        bvh=('a.bvh', bvh().encode()),
        amc=('07_01.amc', amc().encode()),
        asf=('07.asf', asf().encode()),
    )
    for name, data in files.values():
        (tmp_path / name).write_bytes(data)
    compact(tmp_path / 'own.npz', {'a': random_motion(rng)})
    name = {'npz': 'own.npz', 'csv': 'index.csv'}.get(kind)
    name = name or files[kind][0]
    whole = (tmp_path / name).read_bytes()
    read = {'asf': '07_01.amc', 'csv': 'own.npz'}.get(kind, name)
    errors = 0
    for _ in range(40):
        (tmp_path / name).write_bytes(spoiled(whole, rng))
        try:
            read_motions(tmp_path / read, licences=None)
        except ValueError as error:
            errors += 1
            assert str(tmp_path) in str(error)
    assert errors > 5 or kind == 'csv'


# The compact files of real people, against their own small reader


@pytest.mark.slow
@pytest.mark.parametrize('name', ['cmu_amc', 'cmu_actions8', 'hdm05'])
def test_compact_files_against_their_reader(name):
    path = shared_path(f'data/mocap/{name}.npz')
    spec = importlib.util.spec_from_file_location(
        'their_reader', path.parent / 'read_motions.py'
    )
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)
    expected = theirs.Motions(path)
    motions = read_motions(path, licences=None)
    assert len(motions) == len(expected)
    for i in range(0, len(motions), 7):
        positions, quats, rate = expected[i]
        np.testing.assert_allclose(motions[i].positions, positions, atol=1e-9)
        np.testing.assert_allclose(motions[i].orientations, quats, atol=1e-9)
        assert motions[i].rate == rate
        assert motions[i].clip == expected.clip[i]
        # z is up, and the floor at 0.
        head = motions[i].positions[:, JOINT['head'], 2]
        assert -0.05 < np.median(head) < 2.0
    free = any(x in motions[0].licence for x in FREE_LICENCES)
    assert free == (name != 'hdm05')
    if not free:
        with pytest.raises(ValueError, match='CC BY-SA'):
            read_motions(path)

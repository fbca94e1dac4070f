import io
import os
import pickle
from itertools import count
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZipFile

import numpy as np
import pytest
from corruption import check_contained, corruptions, malicious_pickle
from raw_egohumans import (
    PARENTS,
    Foreign,
    as_published,
    make_smpl,
    write_smpl_npz,
    write_smpl_pickle,
)
from scipy.spatial.transform import Rotation

from mobind_mm.readers.egohumans.smpl_model import (
    MAX_ITEMS,
    _Object,
    read_smpl,
    rotation_matrices,
)

VERTICES = (1961, 5424, 1176, 4662, 411, 0, 100, 6889, 17)


@pytest.fixture(scope='module')
def arrays():
    return make_smpl()


@pytest.fixture(scope='module')
def body(arrays, tmp_path_factory):
    path = tmp_path_factory.mktemp('model') / 'SMPL_NEUTRAL.npz'
    return read_smpl(write_smpl_npz(path, arrays), VERTICES)


def random_motion(frames=4, seed=1):
    rng = np.random.default_rng(seed)
    return dict(
        betas=rng.normal(0, 1, (frames, 10)),
        pose=rng.normal(0, 0.8, (frames, 24, 3)),
        transl=rng.normal(0, 3, (frames, 3)),
    )


def reference(arrays, vertex, betas, pose, transl):
    """One vertex of one frame, written out as the equations are printed."""
    arrays = {name: a.astype(float) for name, a in arrays.items()}
    template = arrays['v_template'].copy()
    for n, beta in enumerate(betas):
        template += beta * arrays['shapedirs'][:, :, n]
    joints = [
        sum(
            weight * template[v] for v, weight in enumerate(row) if weight != 0
        )
        for row in arrays['J_regressor']
    ]
    turns = [Rotation.from_rotvec(vector).as_matrix() for vector in pose]
    world = []
    for joint, parent in enumerate(PARENTS):
        step = np.eye(4)
        step[:3, :3] = turns[joint]
        step[:3, 3] = joints[joint] - (0 if parent < 0 else joints[parent])
        world.append(step if parent < 0 else world[parent] @ step)
    place = template[vertex].copy()
    number = 0
    for turn in turns[1:]:
        for row in range(3):
            for column in range(3):
                change = turn[row, column] - (row == column)
                place += change * arrays['posedirs'][vertex, :, number]
                number += 1
    skinned = np.zeros(4)
    for joint, weight in enumerate(arrays['weights'][vertex]):
        back = np.eye(4)
        back[:3, 3] = -joints[joint]
        skinned += weight * world[joint] @ back @ [*place, 1]
    return skinned[:3] + transl, [matrix[:3, :3] for matrix in world]


def test_agrees_with_the_printed_equations(arrays, body):
    motion = random_motion()
    vertices, turned = body.pose(**motion)
    assert vertices.shape == (4, 9, 3) and turned.shape == (4, 24, 3, 3)
    for frame, (betas, pose, transl) in enumerate(zip(*motion.values())):
        for column, vertex in enumerate(VERTICES[frame::3]):
            place, turns = reference(arrays, vertex, betas, pose, transl)
            found = vertices[frame, frame::3][column]
            np.testing.assert_allclose(found, place, atol=1e-9)
        np.testing.assert_allclose(turned[frame], turns, atol=1e-12)


def test_rest_pose_shape_and_translation(arrays, body):
    zeros = dict(
        betas=np.zeros((1, 10)),
        pose=np.zeros((1, 24, 3)),
        transl=np.zeros((1, 3)),
    )
    (rest,), (turned,) = body.pose(**zeros)
    template = arrays['v_template'][list(VERTICES)]
    np.testing.assert_allclose(rest, template, atol=1e-12)
    np.testing.assert_allclose(turned, np.tile(np.eye(3), (24, 1, 1)))
    betas = np.eye(10)[2:3] * 1.5
    (shaped,), _ = body.pose(**dict(zeros, betas=betas))
    change = 1.5 * arrays['shapedirs'][list(VERTICES), :, 2]
    np.testing.assert_allclose(shaped - rest, change, atol=1e-8)
    motion = random_motion(1)
    (posed,), _ = body.pose(**motion)
    motion['transl'] = motion['transl'] + [1.0, -2.0, 3.0]
    (moved,), _ = body.pose(**motion)
    np.testing.assert_allclose(
        moved - posed, np.tile([1, -2, 3], (9, 1)), atol=1e-12
    )


def test_turning_the_body_turns_everything_about_the_pelvis(arrays, body):
    motion = random_motion(1)
    motion['betas'], motion['transl'] = np.zeros((1, 10)), np.zeros((1, 3))
    (posed,), (turned,) = body.pose(**motion)
    half = Rotation.from_rotvec([0.3, -2.0, 1.1])
    first = Rotation.from_rotvec(motion['pose'][0, 0])
    motion['pose'][0, 0] = (half * first).as_rotvec()
    (again,), (more,) = body.pose(**motion)
    pelvis = arrays['J_regressor'][0].astype(float) @ arrays['v_template']
    np.testing.assert_allclose(
        again, half.apply(posed - pelvis) + pelvis, atol=1e-9
    )
    np.testing.assert_allclose(more, half.as_matrix() @ turned, atol=1e-9)


def test_one_joint_moves_what_hangs_on_it(tmp_path):
    """Without correctives, the forearm turns about the elbow, no more."""
    arrays = make_smpl(correctives=False)
    path = write_smpl_npz(tmp_path / 'model.npz', arrays)
    body = read_smpl(path, VERTICES[:5])
    pose = np.zeros((1, 24, 3))
    pose[0, 18] = [0, 0, np.pi / 2]
    still = dict(betas=np.zeros((1, 10)), transl=np.zeros((1, 3)))
    (rest,), _ = body.pose(pose=0 * pose, **still)
    (bent,), (turned,) = body.pose(pose=pose, **still)
    elbow = arrays['J_regressor'][18].astype(float) @ arrays['v_template']
    x, y, z = rest[0] - elbow
    np.testing.assert_allclose(bent[0] - elbow, [-y, x, z], atol=1e-7)
    np.testing.assert_allclose(bent[1:], rest[1:], atol=1e-12)
    for joint in range(24):
        moved = joint in (18, 20, 22)
        assert np.allclose(turned[joint], np.eye(3)) != moved


def test_rotations_of_any_angle():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(2, 50, 3)) * np.logspace(-9, 1, 50)[:, None]
    vectors[0, 0] = 0
    expected = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix()
    found = rotation_matrices(vectors)
    np.testing.assert_allclose(found.reshape(-1, 3, 3), expected, atol=1e-14)


def test_shapes_beyond_the_model_are_not_used(body):
    motion = random_motion()
    expected, _ = body.pose(**motion)
    more = np.concatenate([motion['betas'], np.ones((4, 3))], axis=1)
    found, _ = body.pose(**dict(motion, betas=more))
    np.testing.assert_array_equal(found, expected)
    fewer = dict(motion, betas=motion['betas'] * (np.arange(10) < 6))
    cut, _ = body.pose(**dict(motion, betas=motion['betas'][:, :6]))
    np.testing.assert_allclose(cut, body.pose(**fewer)[0], atol=1e-12)


@pytest.mark.parametrize(('shapes', 'old'), [(10, False), (16, True)])
def test_published_pickle(arrays, tmp_path, monkeypatch, shapes, old):
    """With chumpy arrays and a sparse matrix, from Python 2."""
    wide = dict(make_smpl(shapes=16))
    content = dict(arrays, shapedirs=wide['shapedirs'][:, :, :shapes])
    path = tmp_path / 'basicModel_neutral.PKL'
    monkeypatch.setattr(Foreign, 'old', old)
    write_smpl_pickle(path, as_published(content))
    text = path.read_bytes()
    assert b'chumpy' in text and (b'_reconstructor' in text) == old
    found = read_smpl(path, VERTICES)
    written = read_smpl(
        write_smpl_npz(tmp_path / 'same.npz', content), VERTICES
    )
    for name, array in vars(written).items():
        np.testing.assert_array_equal(getattr(found, name), array)
    assert found.shape_dirs.shape == (9, 3, shapes)


def test_plain_pickle(arrays, body, tmp_path):
    """As tools write that remove chumpy from the original."""
    path = tmp_path / 'model.pkl'
    path.write_bytes(pickle.dumps(arrays))
    found = read_smpl(path, VERTICES)
    np.testing.assert_array_equal(found.joint_dirs, body.joint_dirs)


BAD_ARRAYS = [
    ('v_template', lambda a: a[:-1], r'v_template has shape \(6889, 3\)'),
    ('shapedirs', lambda a: a[:, :, :9], r'N from 10 to 400'),
    ('posedirs', lambda a: a[:, :, :-1], r'expected .*\(6890, 3, 207\)'),
    ('posedirs', lambda a: a * np.nan, r'posedirs\[0, 0, 0\] is nan'),
    ('v_template', lambda a: a * 1e9, r'v_template\[0, 0\] is'),
    ('weights', lambda a: 2 * a, r'row \d+ of weights adds up to 2'),
    ('J_regressor', lambda a: 0 * a, r'row 0 of J_regressor adds up to 0'),
    ('kintree_table', lambda a: a[:, ::-1], r'kintree_table\[0\]'),
    ('weights', lambda a: a.astype(str), "kind 'U'"),
]


@pytest.mark.parametrize('kind', ['npz', 'pkl'])
@pytest.mark.parametrize(('name', 'change', 'message'), BAD_ARRAYS)
def test_other_models_are_refused(
    arrays, tmp_path, kind, name, change, message
):
    path = tmp_path / f'model.{kind}'
    with np.errstate(invalid='ignore'):
        content = {**arrays, name: change(arrays[name])}
    if kind == 'npz':
        np.savez(path, **content)
    else:
        path.write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match=message) as caught:
        read_smpl(path, VERTICES)
    assert str(path) in str(caught.value) and '\n' not in str(caught.value)


def test_other_files_are_refused(arrays, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'smpl\.is\.tue\.mpg\.de'):
        read_smpl(tmp_path / 'absent.pkl', VERTICES)
    (tmp_path / 'model.mat').write_bytes(b'')
    with pytest.raises(ValueError, match=r'\.pkl file.*\.npz'):
        read_smpl(tmp_path / 'model.mat', VERTICES)
    np.savez(tmp_path / 'short.npz', v_template=arrays['v_template'])
    with pytest.raises(ValueError, match=r'short\.npz.*shapedirs'):
        read_smpl(tmp_path / 'short.npz', VERTICES)
    (tmp_path / 'list.pkl').write_bytes(pickle.dumps([1]))
    with pytest.raises(ValueError, match=r'list\.pkl holds a list'):
        read_smpl(tmp_path / 'list.pkl', VERTICES)
    (tmp_path / 'empty.pkl').write_bytes(pickle.dumps({}))
    with pytest.raises(ValueError, match=r'empty\.pkl: v_template'):
        read_smpl(tmp_path / 'empty.pkl', VERTICES)


def with_trailing_bytes(path, arrays, name):
    """Write all arrays, and something after the end of one."""
    with ZipFile(path, 'w') as archive:
        for other, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array)
            more = b'more' if other == name else b''
            archive.writestr(f'{other}.npy', content.getvalue() + more)


def test_archives_that_unpack_to_too_much(arrays, tmp_path):
    path = tmp_path / 'model.npz'
    for kind in (ZIP_BZIP2, ZIP_LZMA):
        with ZipFile(path, 'w', kind) as archive:
            archive.writestr('v_template.npy', bytes(1000))
        with pytest.raises(ValueError, match='is not compressed with deflate'):
            read_smpl(path, VERTICES)
    head = b'\x93NUMPY\x02\x00' + (3 << 30).to_bytes(4, 'little')
    with ZipFile(path, 'w', ZIP_DEFLATED) as archive:
        archive.writestr('v_template.npy', head + b' ' * 1000)
    with pytest.raises(ValueError, match=r'3221225472 bytes; more than 10000'):
        read_smpl(path, VERTICES)
    with_trailing_bytes(path, arrays, None)
    read_smpl(path, VERTICES)
    with_trailing_bytes(path, arrays, 'weights')
    with pytest.raises(ValueError, match=r'weights takes \d+ bytes, exp'):
        read_smpl(path, VERTICES)


WIDE = np.array(['x' * 250_000])
ZEROS = np.zeros(20_000, np.int8)


def select(whole, index, shape=None):
    parts = {'a': whole, 'idxs': index, 'preferred_shape': shape}
    return Foreign('chumpy.reordering', 'Select', parts)


@pytest.mark.parametrize(
    'value',
    [
        select(WIDE, ZEROS),  # 20 GB
        select(Foreign('chumpy.ch', 'Ch', {'x': WIDE}), ZEROS),
        select(np.ones(3), WIDE),
        select(np.ones(3), np.zeros(2)),
        select(np.ones(3), np.zeros(MAX_ITEMS + 1, np.int8)),
        select(select(np.ones(3), ZEROS), ZEROS),  # doubles at each level
        Foreign(
            'scipy.sparse.csc',
            'csc_matrix',
            {'_shape': (24, 6890), 'data': WIDE, 'indices': 0, 'indptr': 0},
        ),
    ],
    ids=count(),
)
def test_selections_are_checked_before_they_are_made(value, tmp_path):
    path = tmp_path / 'model.pkl'
    write_smpl_pickle(path, {'v_template': value})
    message = check_contained(lambda: read_smpl(path, VERTICES), tmp_path)
    assert 'instead of an array of numbers' in message


def test_stand_ins_are_not_changed(tmp_path):
    path = tmp_path / 'model.pkl'
    path.write_bytes(
        b'\x80\x04c__builtin__\nobject\nN}\x8c\x03foo\x8c\x05ascii\x85s\x86b.'
    )
    with pytest.raises(ValueError, match='missing 1 required pos'):
        read_smpl(path, VERTICES)
    assert not hasattr(_Object, 'foo')


class Harmful:
    """Makes a directory when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def test_nothing_in_a_model_is_executed(arrays, tmp_path):
    marker = tmp_path / 'marker'
    (tmp_path / 'a.pkl').write_bytes(malicious_pickle(marker))
    (tmp_path / 'b.pkl').write_bytes(
        pickle.dumps({**arrays, 'extra': Harmful(marker)})
    )
    for name in 'ab':
        with pytest.raises(ValueError, match=rf'{name}\.pkl'):
            read_smpl(tmp_path / f'{name}.pkl', VERTICES)
    harmful = np.empty((6890, 3), dtype=object)
    harmful[0, 0] = Harmful(marker)
    np.savez(tmp_path / 'c.npz', **{**arrays, 'v_template': harmful})
    with pytest.raises(ValueError, match=r"c\.npz.*kind 'O'"):
        read_smpl(tmp_path / 'c.npz', VERTICES)
    assert not marker.exists()


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['npz', 'pkl'])
def test_corrupted_models_are_contained(arrays, tmp_path, kind):
    whole = tmp_path / f'whole.{kind}'
    if kind == 'npz':
        write_smpl_npz(whole, arrays)
    else:
        write_smpl_pickle(whole, as_published(arrays))
    check_copies(whole, tmp_path, count=200)


def check_copies(whole, tmp_path, count):
    copy, fine = tmp_path / f'copy{whole.suffix}', 0
    copies = corruptions(whole.read_bytes(), seed=3, count=count)
    for number, (words, content) in enumerate(copies):
        copy.write_bytes(content)
        result = check_contained(
            lambda: read_smpl(copy, VERTICES), tmp_path / 'dst'
        )
        fine += result == 'fine'
        assert result == 'fine' or str(copy) in result, (number, words)
    assert number == count - 1 and fine < count

"""EgoHumans in its raw format, with a made-up SMPL model of true size."""

import pickle
import struct
from types import BuiltinFunctionType, FunctionType

import numpy as np
from scipy.sparse import csc_matrix
from scipy.spatial.transform import Rotation

from mobind_mm.readers import convert
from mobind_mm.readers.egohumans import EgoHumansReader

PARENTS = [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14]
PARENTS += [16, 17, 18, 19, 20, 21]
# The 24 joints of a body of 1.7 m in the rest pose: x to its left, y up.
JOINTS = np.array(
    [
        *([0, -0.2, 0], [0.07, -0.3, 0], [-0.07, -0.3, 0], [0, -0.1, 0]),
        *([0.1, -0.7, 0], [-0.1, -0.7, 0], [0, 0, 0], [0.09, -1.1, 0]),
        *([-0.09, -1.1, 0], [0, 0.1, 0], [0.1, -1.2, 0.1]),
        *([-0.1, -1.2, 0.1], [0, 0.3, 0], [0.08, 0.2, 0], [-0.08, 0.2, 0]),
        *([0, 0.4, 0], [0.17, 0.25, 0], [-0.17, 0.25, 0], [0.43, 0.25, 0]),
        *([-0.43, 0.25, 0], [0.68, 0.25, 0], [-0.68, 0.25, 0]),
        *([0.76, 0.25, 0], [-0.76, 0.25, 0]),
    ]
)
# Vertex, joint whose orientation it has, and how far down the bone it is.
SENSORS = {
    'left_wrist': (1961, 18, 20),
    'right_wrist': (5424, 19, 21),
    'left_knee': (1176, 4, 7),
    'right_knee': (4662, 5, 8),
    'head': (411, 15, 15),
}
# Joint of each COCO keypoint from the shoulders on; the head's five are fixed
# to joint 15.
COCO_JOINTS = [16, 17, 18, 19, 20, 21, 1, 2, 4, 5, 7, 8]
FACE = np.array(
    [
        *([0, 0.1, 0.12], [0.03, 0.13, 0.1], [-0.03, 0.13, 0.1]),
        *([0.08, 0.1, 0], [-0.08, 0.1, 0]),
    ]
)
# The world has y down, as a camera that stands upright.
Y_DOWN = Rotation.from_matrix([[1, 0, 0], [0, 0, -1], [0, 1, 0]])


def make_smpl(seed=0, shapes=10, correctives=True):
    """Arrays of a model; float32 to keep files small.

    Without correctives the five sensors are rigidly attached to their
    bones, whatever shape and pose.
    """
    rng = np.random.default_rng(seed)
    owner = np.arange(6890) % 24
    carriers = [vertex for vertex, *_ in SENSORS.values()]
    near = ~np.isin(np.arange(6890), carriers)
    spread = rng.normal(0, 0.03, (6890, 3))
    for joint in range(24):  # their mean is the joint
        mine = near & (owner == joint)
        spread[mine] -= spread[mine].mean(axis=0)
    template = JOINTS[owner] + spread
    weights = np.zeros((6890, 24))
    weights[np.arange(6890), owner] = rng.uniform(0.5, 0.9, 6890)
    weights[np.arange(6890), (owner + rng.integers(1, 24, 6890)) % 24] = 1
    weights[np.arange(6890), (owner + 7) % 24] += 0.1
    weights /= weights.sum(axis=1, keepdims=True)
    # Joints regress from the vertices near them.
    regressor = np.zeros((24, 6890))
    regressor[owner[near], np.flatnonzero(near)] = 1
    for vertex, joint, end in SENSORS.values():
        bone = JOINTS[end] - JOINTS[joint]
        template[vertex] = JOINTS[joint] + 0.8 * bone + [0.02, 0.01, 0.05]
        weights[vertex] = np.eye(24)[joint]
    regressor /= regressor.sum(axis=1, keepdims=True)
    shapedirs = np.zeros((6890, 3, shapes))
    posedirs = np.zeros((6890, 3, 207))
    if correctives:
        shapedirs = rng.normal(0, 0.01, shapedirs.shape)
        used = [*carriers, 0, 100, 6889]
        posedirs[used] = rng.normal(0, 0.01, (8, 3, 207))
        weights[used] = rng.dirichlet(np.ones(24), 8)
    kintree = np.array([PARENTS, range(24)], dtype=np.int64)
    arrays = dict(
        v_template=template,
        shapedirs=shapedirs,
        posedirs=posedirs,
        weights=weights,
        J_regressor=regressor,
    )
    arrays = {name: a.astype(np.float32) for name, a in arrays.items()}
    return dict(arrays, kintree_table=kintree.astype(np.uint32))


class Foreign:
    """An object of a class of another package, with its attributes."""

    def __init__(self, module, name, state):
        self.__dict__.update(state)
        self.named = (module, name)

    old = False  # as protocols 0 and 1 make objects

    def __reduce_ex__(self, protocol):
        state = {k: v for k, v in self.__dict__.items() if k != 'named'}
        return _new, (_Global(*self.named),), state


class _Global:
    """Pickled as a name of a module."""

    def __init__(self, module, name):
        self.named = (module, name)


def _new(cls):  # stands for cls.__new__(cls)
    raise NotImplementedError


_PYTHON2 = {
    'builtins': '__builtin__',
    'numpy._core.multiarray': 'numpy.core.multiarray',
}


class Python2Pickler(pickle._Pickler):
    """Writes what Python 2 and its NumPy wrote (protocol 2)."""

    dispatch = dict(pickle._Pickler.dispatch)

    def __init__(self, file):
        super().__init__(file, protocol=2)

    def _string(self, obj):
        content = obj.encode() if isinstance(obj, str) else obj
        if len(content) < 256:
            head = pickle.SHORT_BINSTRING + bytes([len(content)])
        else:
            head = pickle.BINSTRING + struct.pack('<i', len(content))
        self.write(head + content)
        self.memoize(obj)

    dispatch[str] = dispatch[bytes] = _string

    def save_global(self, obj, name=None):
        if isinstance(obj, _Global):
            module, name = obj.named
        else:
            module, name = obj.__module__, obj.__name__
        module = _PYTHON2.get(module, module)
        self.write(f'c{module}\n{name}\n'.encode())
        self.memoize(obj)

    for kind in (FunctionType, BuiltinFunctionType, type, _Global):
        dispatch[kind] = save_global

    def save_reduce(self, func, args, state=None, *rest, obj=None):
        if func is not _new:
            return super().save_reduce(func, args, state, *rest, obj=obj)
        if obj.old:
            self.write(b'ccopy_reg\n_reconstructor\n' + pickle.MARK)
            self.save(args[0])
            self.write(b'c__builtin__\nobject\nNtR')
        else:
            self.save(args[0])
            self.write(pickle.EMPTY_TUPLE + pickle.NEWOBJ)
        self.memoize(obj)
        self.save(state)
        self.write(pickle.BUILD)


def as_published(arrays):
    """Wrap arrays as the authors' files do: chumpy and a sparse matrix."""
    sparse = csc_matrix(arrays['J_regressor'])
    whole = Foreign('chumpy.ch', 'Ch', {'x': arrays['shapedirs']})
    size = arrays['shapedirs'].size
    return {
        **arrays,
        'v_template': Foreign(
            'chumpy.ch', 'Ch', {'x': arrays['v_template'], '_dirty': set()}
        ),
        'shapedirs': Foreign(
            'chumpy.reordering',
            'Select',
            {
                'a': whole,
                'idxs': np.arange(size),
                'preferred_shape': arrays['shapedirs'].shape,
            },
        ),
        'J_regressor': Foreign(
            'scipy.sparse.csc',
            'csc_matrix',
            {
                '_shape': sparse.shape,
                'maxprint': 50,
                'data': sparse.data,
                'indices': sparse.indices,
                'indptr': sparse.indptr,
            },
        ),
        'bs_style': 'lbs',
        'f': np.zeros((13776, 3), np.uint32),
    }


def write_smpl_pickle(path, content):
    """Write a model as Python 2 did."""
    with open(path, 'wb') as file:
        Python2Pickler(file).dump(content)
    return path


def write_smpl_npz(path, arrays):
    """Write a model with NumPy."""
    np.savez_compressed(path, **arrays)
    return path


def make_person(times, seed, heading=0.0, world=Y_DOWN, limbs=0.5):
    """SMPL parameters (T, ...) of somebody who moves arms, legs and head.

    Args:
        times: (T,) seconds.
        seed: Of the person.
        heading: Angle about the vertical in radians.
        world: From z up to the world of the files.
        limbs: How far the joints turn, in radians.
    """
    rng = np.random.default_rng(seed)
    hz = rng.uniform(0.3, 1.2, (1, 23, 3))
    phase = rng.uniform(0, 2 * np.pi, (1, 23, 3))
    pose = np.sin(2 * np.pi * hz * np.asarray(times)[:, None, None] + phase)
    # Not the trunk.
    pose[:, [2, 5, 8]] *= 0.1
    turn = heading + 0.5 * np.sin(0.7 * np.asarray(times) + seed)
    upright = Rotation.from_matrix([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    body = world * Rotation.from_rotvec(turn[:, None] * [0, 0, 1]) * upright
    place = np.stack(
        [
            1.5 * (seed % 4) - 2 + 0.3 * np.sin(0.9 * times + seed),
            0.4 * np.cos(0.6 * times + seed),
            1.2 + 0.05 * np.sin(5 * times),
        ],
        axis=1,
    )
    return dict(
        global_orient=body.as_rotvec(),
        body_pose=(limbs * pose).reshape(len(times), 69),
        transl=world.apply(place) - JOINTS[0],
        betas=np.tile(rng.normal(0, 0.5, 11), (len(times), 1)),
    )


def joints_of(person):
    """Places (T, 24, 3) and rotations [24] of the joints of a person."""
    local = np.concatenate(
        [person['global_orient'], person['body_pose']], axis=1
    ).reshape(-1, 24, 3)
    turned, placed = [], []
    for joint, parent in enumerate(PARENTS):
        turn = Rotation.from_rotvec(local[:, joint])
        if parent < 0:
            turned.append(turn)
            placed.append(JOINTS[0] + person['transl'])
            continue
        bone = JOINTS[joint] - JOINTS[parent]
        placed.append(placed[parent] + turned[parent].apply(bone))
        turned.append(turned[parent] * turn)
    return np.stack(placed, axis=1), turned


def project(person, world=Y_DOWN):
    """Keypoints (T, 17, 3) with scores, seen from 8 m away at 1.5 m."""
    placed, turned = joints_of(person)
    face = [placed[:, 15] + turned[15].apply(point) for point in FACE]
    body = [placed[:, joint] for joint in COCO_JOINTS]
    points = world.inv().apply(np.concatenate(face + body)) - [0, -8, 1.5]
    x, depth, z = points.reshape(17, -1, 3).transpose(2, 1, 0)
    u, v = 1920 + 1800 * x / depth, 1080 - 1800 * z / depth
    return np.stack([u, v, np.full_like(u, 0.9)], axis=-1)


def write_sequence(
    root, people, absent=(), activity='01_tagging', number=1, camera='cam03'
):
    """Write the frames of one sequence.

    Args:
        root: Directory ``data``.
        people: Name to (SMPL parameters, keypoints), both (T, ...).
        absent: (kind, name or None for the file, numbers) where kind is
            ``poses2d`` or ``smpl``, and numbers count from 1.
        activity: Directory of the activity.
        number: Of the sequence.
        camera: Of the keypoints.
    """
    name = activity.split('_')[1]
    folder = root / activity / f'{number:03d}_{name}' / 'processed_data'
    poses, smpl = folder / 'poses2d' / camera / 'rgb', folder / 'smpl'
    for path in (poses, smpl):
        path.mkdir(parents=True)
    length = len(next(iter(people.values()))[1])
    gone = {
        (kind, who, frame) for kind, who, frames in absent for frame in frames
    }
    for frame in range(1, length + 1):
        seen = [
            {
                'human_name': who,
                'bbox': np.zeros(5),
                'keypoints': keypoints[frame - 1],
            }
            for who, (_, keypoints) in people.items()
            if ('poses2d', who, frame) not in gone
        ]
        bodies = {
            who: {key: a[frame - 1].astype('f4') for key, a in body.items()}
            for who, (body, _) in people.items()
            if ('smpl', who, frame) not in gone
        }
        for path, kind, content in (
            (poses, 'poses2d', seen),
            (smpl, 'smpl', bodies),
        ):
            if (kind, None, frame) not in gone:
                np.save(path / f'{frame:05d}.npy', content)
    return folder


def convert_people(src, dst, smpl, **options):
    """Convert a copy; return the number of entries by split, and notes."""
    converted = convert(EgoHumansReader(src, smpl, **options), dst)
    return converted.entries, converted.notes

"""Orders of keypoints: those of MMPose, of other tools and of data sets."""

from __future__ import annotations

_FINGERS = (
    'thumb',
    'forefinger',
    'middle_finger',
    'ring_finger',
    'pinky_finger',
)


def _sides(*names: str) -> tuple[str, ...]:
    """Expand ``('eye',)`` to ``('left_eye', 'right_eye')``."""
    return tuple(f'{side}_{n}' for n in names for side in ('left', 'right'))


def _hand(side: str) -> tuple[str, ...]:
    """Names of the 21 keypoints of one hand."""
    joints = tuple(f'{side}_{f}{i}' for f in _FINGERS for i in range(1, 5))
    return (f'{side}_hand_root', *joints)


def _foot(side: str) -> tuple[str, ...]:
    return tuple(f'{side}_{n}' for n in ('big_toe', 'small_toe', 'heel'))


_COCO = (
    'nose',
    *_sides('eye', 'ear', 'shoulder', 'elbow', 'wrist'),
    *_sides('hip', 'knee', 'ankle'),
)
_HALPE = (
    *_COCO, 'head', 'neck', 'hip', *_sides('big_toe', 'small_toe', 'heel'),
)  # fmt: skip


def _chains(*names: str, first: str = 'right') -> tuple[str, ...]:
    """All of one side, then all of the other."""
    sides = sorted(('left', 'right'), key=first.__ne__)
    return tuple(f'{side}_{n}' for side in sides for n in names)


_ARMS_LEGS = (
    *_chains('shoulder', 'elbow', 'wrist'),
    *_chains('hip', 'knee', 'ankle'),
)
_LSP = (
    'right_ankle', 'right_knee', 'right_hip', 'left_hip', 'left_knee',
    'left_ankle', 'right_wrist', 'right_elbow', 'right_shoulder',
    'left_shoulder', 'left_elbow', 'left_wrist',
)  # fmt: skip
_KINECT = (
    'hip', 'spine', 'neck', 'head',
    *_chains('shoulder', 'elbow', 'wrist', 'hand', first='left'),
    *_chains('hip', 'knee', 'ankle', 'foot', first='left'),
)  # fmt: skip
_MHR = (
    'nose',
    *_sides('eye', 'ear', 'shoulder', 'elbow', 'hip', 'knee', 'ankle'),
    *_foot('left'),
    *_foot('right'),
    *(
        name
        for side in ('right', 'left')
        for name in (
            *(f'{side}_{f}{i}' for f in _FINGERS for i in range(4, 0, -1)),
            f'{side}_wrist',
        )
    ),
    *_sides('olecranon', 'cubital_fossa', 'acromion'),
    'neck',
)


_OPENPOSE_FACE = ('right_eye', 'left_eye', 'right_ear', 'left_ear')
_OPENPOSE_ARMS = ('nose', 'neck', *_chains('shoulder', 'elbow', 'wrist'))

LAYOUTS: dict[str, tuple[str, ...]] = {
    'coco': _COCO,
    'halpe26': _HALPE,
    'halpe136': (
        *_HALPE, *(f'face-{i}' for i in range(68)),
        *_hand('left'), *_hand('right'),
    ),
    'openpose_body25': (
        *_OPENPOSE_ARMS, 'hip', *_chains('hip', 'knee', 'ankle'),
        *_OPENPOSE_FACE, *_foot('left'), *_foot('right'),
    ),
    'openpose_coco18': (
        *_OPENPOSE_ARMS, *_chains('hip', 'knee', 'ankle'), *_OPENPOSE_FACE,
    ),
    'mediapipe33': (
        'nose', 'left_eye_inner', 'left_eye', 'left_eye_outer',
        'right_eye_inner', 'right_eye', 'right_eye_outer', *_sides('ear'),
        'mouth_left', 'mouth_right',
        *_sides('shoulder', 'elbow', 'wrist', 'pinky', 'index', 'thumb'),
        *_sides('hip', 'knee', 'ankle', 'heel', 'foot_index'),
    ),
    'h36m': (
        'root', 'right_hip', 'right_knee', 'right_foot',
        'left_hip', 'left_knee', 'left_foot',
        'spine', 'thorax', 'neck_base', 'head',
        *_chains('shoulder', 'elbow', 'wrist', first='left'),
    ),
    'coco_wholebody': (
        *_COCO, *_foot('left'), *_foot('right'),
        *(f'face-{i}' for i in range(68)), *_hand('left'), *_hand('right'),
    ),
    'lsp': (*_LSP, 'neck', 'head_top'),
    'aic': (*_ARMS_LEGS, 'head_top', 'neck'),
    'crowdpose': (
        *_sides('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle'),
        'top_head', 'neck',
    ),
    'openpose_mpi15': ('head', 'neck', *_ARMS_LEGS, 'chest'),
    'posetrack15': (*_LSP, 'head_bottom', 'nose', 'head_top'),
    'jhmdb': (
        'neck', 'belly', 'head',
        *(
            f'{side}_{joint}'
            for joint in ('shoulder', 'hip', 'elbow', 'knee', 'wrist', 'ankle')
            for side in ('right', 'left')
        ),
    ),
    'mpii': (
        *_LSP[:6], 'pelvis', 'thorax', 'upper_neck', 'head_top', *_LSP[6:],
    ),
    'posetrack18': (
        'nose', 'head_bottom', 'head_top', *_sides('ear'),
        *_sides('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle'),
    ),
    'mpi_inf_3dhp': (
        'head_top', 'neck', *_ARMS_LEGS, 'root', 'spine', 'head',
    ),
    'openpose_body25b': (
        *_COCO, 'neck', 'head', *_foot('left'), *_foot('right'),
    ),
    'body23': (*_COCO, *_foot('left'), *_foot('right')),
    'kinect20': _KINECT,
    'kinect25': (
        *_KINECT, 'spine_shoulder',
        *_chains('hand_tip', 'thumb', first='left'),
    ),
    'kinect32': (
        'hip', 'spine', 'chest', 'neck',
        *_chains(
            'clavicle', 'shoulder', 'elbow', 'wrist', 'hand', 'hand_tip',
            'thumb', first='left',
        ),
        *_chains('hip', 'knee', 'ankle', 'foot', first='left'),
        'head', 'nose', *_chains('eye', 'ear', first='left'),
    ),
    'smpl24': (
        'hip', *_sides('hip'), 'spine1', *_sides('knee'),
        'spine2', *_sides('ankle'), 'spine3', *_sides('foot'),
        'neck', *_sides('collar'), 'head',
        *_sides('shoulder', 'elbow', 'wrist', 'hand'),
    ),
    'mhr70': _MHR,
    'goliath308': (*_MHR, *(f'point-{i}' for i in range(70, 308))),
}  # fmt: skip
"""Keypoint names in index order, by layout name: those of MMPose, and those
of OpenPose, MediaPipe, AlphaPose, Kinect, SMPL and Sapiens. Of as many
keypoints, the first is the usual one."""

USUAL = {
    'coco', 'halpe26', 'halpe136', 'openpose_body25', 'openpose_coco18',
    'mediapipe33', 'coco_wholebody', 'mpii',
}  # fmt: skip
"""Layouts that tools write without names. Others are believed by their
proportions alone."""

_LAYOUT_ALIASES = {
    **dict.fromkeys(('body25', 'body_25'), 'openpose_body25'),
    **dict.fromkeys(('coco18', 'coco_18'), 'openpose_coco18'),
    **dict.fromkeys(('mediapipe', 'blazepose'), 'mediapipe33'),
    **dict.fromkeys(('alphapose136', 'halpe_136'), 'halpe136'),
    **dict.fromkeys(('coco17', 'coco_17'), 'coco'),
    **dict.fromkeys(('halpe_26', 'body_with_feet'), 'halpe26'),
    **dict.fromkeys(('body25b', 'body_25b'), 'openpose_body25b'),
    **dict.fromkeys(('mpi', 'mpi15', 'mpi_15', 'body_15'), 'openpose_mpi15'),
    **dict.fromkeys(('ai_challenger', 'aic14'), 'aic'),
    **dict.fromkeys(('posetrack', 'posetrack17'), 'posetrack15'),
    **dict.fromkeys(('human36m', 'h36m17'), 'h36m'),
    **dict.fromkeys(('mpii16', 'mpii_16'), 'mpii'),
    **dict.fromkeys(('kinect_v2', 'ntu25', 'ntu'), 'kinect25'),
    **dict.fromkeys(('kinect', 'kinect_v1'), 'kinect20'),
    **dict.fromkeys(('azure_kinect', 'k4a'), 'kinect32'),
    **dict.fromkeys(('smpl', 'smpl_24'), 'smpl24'),
    **dict.fromkeys(('sapiens', 'goliath', 'sapiens308'), 'goliath308'),
}
"""Other names of layouts, in lower case."""


def layout_name(name: str) -> str:
    """Our name of a layout; what is not known stays as it is.

    >>> layout_name('BODY_25'), layout_name('coco')
    ('openpose_body25', 'coco')
    """
    if name in LAYOUTS:
        return name
    plain = str(name).strip().lower().replace('-', '_').replace(' ', '_')
    plain = _LAYOUT_ALIASES.get(plain, plain)
    return plain if plain in LAYOUTS else name

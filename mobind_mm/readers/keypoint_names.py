"""Which joint a name means, and which layout a set of names is.

Tools and people write ``RShoulder``, ``right shoulder``, ``shoulder_r`` or
``RIGHT_SHOULDER``; all are the keypoint ``right_shoulder``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from ..skeleton import LAYOUTS, get_layout, layout_name
from ..utils.errors import mistake, shown

_LANGUAGES = {
    'left': 'links linke linken linker linkes gauche izquierda izquierdo izq '
    'sinistra sinistro sx esquerda esquerdo',
    'right': 'rechts rechte rechten rechter rechtes droite droit derecha '
    'derecho der destra destro dx direita direito',
    'nose': 'nase nez nariz naso neus',
    'eye': 'auge oeil ojo occhio olho oog',
    'ear': 'ohr oreille oreja orecchio orelha oor',
    'shoulder': 'schulter epaule hombro spalla ombro schouder',
    'elbow': 'ellbogen ellenbogen coude codo gomito cotovelo elleboog',
    'wrist': 'handgelenk poignet muneca polso punho pulso pols',
    'hip': 'hufte huefte hanche cadera anca quadril heup',
    'knee': 'knie genou rodilla ginocchio joelho',
    'ankle': 'knochel knoechel sprunggelenk cheville tobillo caviglia '
    'tornozelo enkel',
    'foot': 'fuss pied pie piede',
    'head': 'kopf tete cabeza testa cabeca hoofd',
    'neck': 'hals cou cuello collo pescoco nek',
    'pelvis': 'becken bassin bacino',
    'chest': 'brust poitrine pecho petto peito borst',
    'forearm': 'unterarm antebrazo avambraccio antebraco onderarm',
    'thigh': 'oberschenkel cuisse muslo coscia coxa bovenbeen',
    'shank': 'unterschenkel onderbeen',
}
"""Words of German, French, Spanish, Italian, Portuguese and Dutch."""
_ENGLISH = {w: e for e, words in _LANGUAGES.items() for w in words.split()}
_WORD = re.compile('[A-Z]+(?![a-z])|[A-Z]?[a-z]+')
_SIDES = {'l': 'left', 'left': 'left', 'r': 'right', 'right': 'right'}
_JOINTS = {
    'bigtoe': 'big_toe',
    'toe': 'big_toe',
    'smalltoe': 'small_toe',
    'littletoe': 'small_toe',
    'footindex': 'foot_index',
    'eyeinner': 'eye_inner',
    'eyeouter': 'eye_outer',
    'hand': 'wrist',
    'pinkie': 'pinky',
    **{'shldr': 'shoulder', 'wri': 'wrist'},
    **{'sho': 'shoulder', 'elb': 'elbow', 'wra': 'wrist', 'asi': 'hip'},
    **{'kne': 'knee', 'ank': 'ankle', 'hee': 'heel'},
    **{'sjc': 'shoulder', 'ejc': 'elbow', 'wjc': 'wrist', 'hjc': 'hip'},
    **{'kjc': 'knee', 'ajc': 'ankle'},
}
"""Words of joints that have a side, without separators; markers and joint
centres of Plug-in Gait are called LSHO and LHJC."""
_BONES = {
    **{'arm': 'shoulder', 'forearm': 'elbow'},
    **{'upleg': 'hip', 'leg': 'knee', 'foot': 'ankle'},
}
"""Bones of Apple, such as ``left_upLeg_joint``: the joint where it begins."""
_MIDDLE = {
    **dict.fromkeys(
        ('hip', 'midhip', 'chip', 'pelvis', 'hips', 'root'), 'hip'
    ),
    **dict.fromkeys(('neck', 'nose', 'head'), ''),
    **dict.fromkeys(('headtop', 'tophead', 'vertex'), 'head'),
    **dict.fromkeys(('mouthleft', 'leftmouth'), 'mouth_left'),
    **dict.fromkeys(('mouthright', 'rightmouth'), 'mouth_right'),
}
_PREFIX = re.compile(
    r'^(PoseLandmark\.|[^:]+:|(body|pose|person)_(?=[a-zA-Z]+_))'
)
"""Of a name: the class of MediaPipe, the subject of a motion capture."""
_LEAST = 6
"""Keypoints that make a body."""
_NUMBERED = re.compile(
    r'(?<![a-z])(?:person|player|subject|individual|human|body|skeleton|pose|'
    r'track|id|p)[\s_.-]*(\d{1,2})(?!\d)[\s_.:/-]*',
    re.IGNORECASE,
)
_DIGITS = re.compile(r'[\s_.:-]*(\d{1,2})[\s_.:-]*')
_WORD_BEFORE = re.compile(r'([^\W_]+)[\s_.:/-]+')
"""What names of points have where they are of several people."""


def in_english(text: str) -> str:
    """A name of a part of the body, with words of other languages in English.

    >>> in_english('Handgelenk_rechts'), in_english('muñeca izq')
    ('wrist_right', 'wrist left')
    """
    plain = unicodedata.normalize('NFKD', text.replace('ß', 'ss'))
    plain = ''.join(c for c in plain if not unicodedata.combining(c))
    return _WORD.sub(lambda m: _ENGLISH.get(m[0].lower(), m[0]), plain)


def keypoint_name(text: str) -> str | None:
    """Our name of a keypoint; None if it is not known.

    >>> [keypoint_name(n) for n in ('RShoulder', 'left_Big-Toe', 'tail')]
    ['right_shoulder', 'left_big_toe', None]
    >>> [keypoint_name(n) for n in ('wrist_r', 'MidHip', 'lefteye')]
    ['right_wrist', 'hip', 'left_eye']
    """
    text = in_english(_PREFIX.sub('', text.strip()[:60]))
    words = _WORD.findall(re.sub(r'\b([LR])(?=[A-Z][a-z])', r'\1_', text))
    plain = [word.lower() for word in words if word.lower() != 'joint']
    whole = ''.join(plain)
    if whole == 'head' and len(plain) < len(words):
        return 'nose'  # as Apple calls it
    if whole in _MIDDLE:
        return _MIDDLE[whole] or whole
    sides = [word for word in plain if word in _SIDES]
    if len(sides) == 1:
        plain.remove(sides[0])
        joint = ''.join(plain)
        joint = (
            _BONES.get(joint, joint) if len(plain) < len(words) - 1 else joint
        )
        return _sided(_SIDES[sides[0]], joint)
    for word, side in _SIDES.items():
        name = _sided(side, whole.removeprefix(word))
        if name and not sides and whole.startswith(word):
            return name
    return None


def _sided(side: str, joint: str) -> str | None:
    name = f'{side}_{_JOINTS.get(joint, joint)}'
    return name if name in _KNOWN else None


_KNOWN = {name for layout in LAYOUTS.values() for name in layout}


def owner_of(name: str) -> tuple[str, str]:
    """Whose point a name is, if it says so, and the name without that.

    >>> owner_of('person2_nose'), owner_of('Anna:LWrist'), owner_of('nose2')
    (('2', 'nose'), ('Anna', 'LWrist'), ('2', 'nose'))
    >>> owner_of('left_wrist'), owner_of('kpt_2')
    (('', 'left_wrist'), ('', 'kpt_2'))
    """
    match, known = _NUMBERED.search(name), keypoint_name(name)
    before = _WORD_BEFORE.match(name)
    if match is None and known and len(_DIGITS.findall(name)) == 1:
        match = _DIGITS.search(name)  # which does not change the joint
    elif match is None and before and (':' in before[0] or not known):
        match = before if keypoint_name(name[before.end() :]) else None
    if match is None or match[0] == name:
        return '', name
    ends = name[: match.start()], name[match.end() :]
    return match[1], '_'.join(filter(None, ends))


def by_person(names: Iterable[str]) -> list[dict[str, str]]:
    """Names of the points of each person, by those without the person.

    Empty if they are of one person, or say nothing of people.
    """
    people: dict[str, dict[str, str]] = {}
    for name in names:
        owner, rest = owner_of(name)
        people.setdefault(owner, {})[rest] = name
    bodies = [one for one in people.values() if len(joints_of(one)) >= _LEAST]
    return bodies if len(bodies) > 1 else []


def joints_of(names: Iterable[str]) -> dict[str, str]:
    """Names of keypoints by ours; the wrist goes before the hand.

    >>> joints_of(['HandLeft', 'WristLeft', 'tail'])
    {'left_wrist': 'WristLeft'}
    """
    pairs = [(j, name) for name in names if (j := keypoint_name(name))]
    pairs.sort(
        key=lambda p: (
            p[0].rpartition('_')[2] not in p[1].lower(),
            not p[1].lower().endswith('jc'),
        )
    )
    joints: dict[str, str] = {}
    for joint, name in pairs:
        joints.setdefault(joint, name)
    return joints


def resolve_names(
    names: Iterable[str],
    source: object,
    wanted: str | None = None,
    aliases: Mapping[str, str] | None = None,
) -> tuple[str, dict[str, str]]:
    """Find the layout that holds the keypoints of a file.

    ``aliases`` are names in the file by keypoint, where the user says so.
    Returns the layout, and names in the file by keypoint.

    Raises:
        ValueError: If the names are not those of a body.

    >>> resolve_names(['RHip', 'RKnee', 'RAnkle', 'LHip', 'LKnee', 'LAnkle'],
    ...               'a.trc')[0]
    'coco'
    """
    names = list(dict.fromkeys(names))
    joints = joints_of(names)
    joints.update(aliases or {})
    layouts = [layout_name(wanted)] if wanted else _NAMED
    # Most keypoints, then fewest that are absent.
    best = max(
        layouts,
        key=lambda n: (
            sum(k in joints for k in get_layout(n)),
            -len(get_layout(n)),
        ),
    )
    kept = {k: joints[k] for k in get_layout(best) if k in joints}
    if len(kept) < (1 if wanted else _LEAST):
        raise mistake(
            source,
            f'its keypoints ({shown(names, 8)}, ...) are not those of a '
            'known skeleton',
            'Name layout and keypoint_names in a mapping (--pose-mapping), '
            'such as keypoint_names: {left_wrist: paw}',
        )
    return best, kept


_NAMED = (
    'coco', 'halpe26', 'openpose_body25', 'openpose_coco18', 'mediapipe33',
)  # fmt: skip
"""Layouts that named keypoints are given."""


def absent_note(
    source: object, layout: str, joints: Iterable[str]
) -> tuple[str, ...]:
    """Note of the keypoints that a file does not have."""
    absent = [name for name in get_layout(layout) if name not in {*joints}]
    if not absent:
        return ()
    return (f'{source}: no columns of {", ".join(absent)}; never detected',)

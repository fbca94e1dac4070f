"""One moving person, as each pose tool writes it."""

import csv
import io
import json
import pickle

import numpy as np

from mobind_mm.skeleton import get_layout

RATE, SHAPE = 30.0, (720, 1280)
_STANDING = {
    'nose': (0, 0),
    'left_eye': (8, -8),
    'right_eye': (-8, -8),
    'left_ear': (18, -4),
    'right_ear': (-18, -4),
    'left_shoulder': (45, 55),
    'right_shoulder': (-45, 55),
    'left_elbow': (60, 125),
    'right_elbow': (-60, 125),
    'left_wrist': (65, 190),
    'right_wrist': (-65, 190),
    'left_hip': (28, 200),
    'right_hip': (-28, 200),
    'left_knee': (32, 300),
    'right_knee': (-32, 300),
    'left_ankle': (34, 400),
    'right_ankle': (-34, 400),
}
MISSING = (10, 9)
"""Frame and COCO index of the keypoint that is not detected."""


def person(length=60, seed=0, middle=(600.0, 150.0)):
    """Keypoints (T, 17, 2) in pixels and scores (T, 17) of a person.

    One keypoint is (0, 0) with score 0.
    """
    rng = np.random.default_rng(seed)
    base = np.array([_STANDING[name] for name in get_layout('coco')], float)
    times = np.arange(length) / RATE
    sway = np.stack([40 * np.sin(times), 5 * np.cos(3 * times)], axis=1)
    points = base + np.array(middle) + sway[:, None]
    points[:, 9] += 30 * np.sin(5 * times)[:, None]
    points += rng.normal(0, 0.5, points.shape)
    scores = rng.uniform(0.5, 0.95, points.shape[:2])
    if length > MISSING[0]:
        points[MISSING], scores[MISSING] = 0.0, 0.0
    return points.round(3), scores.round(4)


def as_layout(layout, points, scores):
    """The person with the keypoints of another layout."""
    coco, order = get_layout('coco'), get_layout(layout)
    new = np.zeros((len(points), len(order), 2))
    new_scores = np.zeros(new.shape[:2])
    middles = {'neck': 'shoulder', 'hip': 'hip'}
    for index, name in enumerate(order):
        if name in coco:
            source = coco.index(name)
            new[:, index] = points[:, source]
            new_scores[:, index] = scores[:, source]
        elif name in middles:
            pair = [
                coco.index(f'{side}_{middles[name]}')
                for side in ('left', 'right')
            ]
            new[:, index] = points[:, pair].mean(axis=1)
            new_scores[:, index] = scores[:, pair].min(axis=1)
    return new.round(3), new_scores


def flat(points, scores):
    return np.c_[points, scores].ravel().tolist()


def _json(content):
    return json.dumps(content).encode()


def openpose(points, scores, layout='openpose_body25', first=0):
    """A folder; frames without a person have an empty list."""
    points, scores = as_layout(layout, points, scores)
    files = {}
    for frame, (xy, s) in enumerate(zip(points, scores)):
        people = [{'person_id': [-1], 'pose_keypoints_2d': flat(xy, s)}]
        name = f'json/walk_{frame + first:012d}_keypoints.json'
        files[name] = _json({'version': 1.3, 'people': people})
    return files


def openpose_merged(points, scores):
    """All frames in one list, as people merge them."""
    files = openpose(points, scores)
    return {'merged.json': _json([json.loads(f) for f in files.values()])}


def openpose_by_name(points, scores):
    files = openpose(points, scores)
    return {'all.json': _json({n: json.loads(f) for n, f in files.items()})}


def alphapose(points, scores, layout='coco', image='{}.jpg', idx=1):
    points, scores = as_layout(layout, points, scores)
    entries = [
        {
            'image_id': image.format(frame) if image else frame,
            'category_id': 1,
            'keypoints': flat(xy, s),
            'score': 2.9,
            'box': [1.0, 2.0, 3.0, 4.0],
            **({} if idx is None else {'idx': idx}),
        }
        for frame, (xy, s) in enumerate(zip(points, scores))
    ]
    return {'alphapose-results.json': _json(entries)}


def coco_results(points, scores):
    return alphapose(points, scores, image=None, idx=None)


def ultralytics(points, scores):
    frames = [
        {
            'frame': frame,
            'detections': [
                {
                    'name': 'person',
                    'class': 0,
                    'confidence': 0.9,
                    'track_id': 4,
                    'box': {'x1': 1, 'y1': 2, 'x2': 3, 'y2': 4},
                    'keypoints': {
                        'x': xy[:, 0].tolist(),
                        'y': xy[:, 1].tolist(),
                        'visible': s.tolist(),
                    },
                }
            ],
        }
        for frame, (xy, s) in enumerate(zip(points, scores))
    ]
    return {'results.json': _json(frames)}


def ultralytics_lists(points, scores):
    """What ``json.loads(result.tojson())`` of all frames is."""
    frames = json.loads(ultralytics(points, scores)['results.json'])
    return {'frames.json': _json([f['detections'] for f in frames])}


def ultralytics_labels(points, scores, with_id=True):
    """Text files from frame 1, normalised; (0, 0) where not detected."""
    files = {}
    for frame, (xy, s) in enumerate(zip(points, scores), 1):
        rows = np.c_[xy / SHAPE[::-1], s]
        numbers = [0, 0.5, 0.5, 0.2, 0.6, *rows.ravel()]
        numbers += [3] if with_id else []
        line = ' '.join(f'{number:.8g}' for number in numbers)
        files[f'labels/take_{frame}.txt'] = f'{line}\n'.encode()
    return files


def mmpose0x(points, scores):
    frames = [
        [
            {
                'bbox': [1, 2, 3, 4, 0.9],
                'keypoints': np.c_[xy, s].tolist(),
                'track_id': 0,
            }
        ]
        for xy, s in zip(points, scores)
    ]
    return {'mmpose0x.json': _json(frames)}


def easy_vitpose(points, scores):
    """People by number, y before x."""
    frames = [
        {'0': np.c_[xy[:, ::-1], s].tolist()} for xy, s in zip(points, scores)
    ]
    skeleton = {str(i): name for i, name in enumerate(get_layout('coco'))}
    content = {'keypoints': frames, 'skeleton': skeleton}
    return {'easy_vitpose.json': _json(content)}


def mediapipe_json(points, scores, logits=False, key='landmarks'):
    xy, s = _shares(points, scores, logits)
    frames = [
        {
            'frame': frame,
            key: [
                {'x': x, 'y': y, 'z': -0.1, 'visibility': v}
                for (x, y), v in zip(xy[frame].tolist(), s[frame].tolist())
            ],
        }
        for frame in range(len(xy))
    ]
    return {'landmarks.json': _json(frames)}


def _shares(points, scores, logits):
    points, scores = as_layout('mediapipe33', points, scores)
    if logits:
        known = np.clip(scores, 1e-3, 1 - 1e-3)
        scores = np.log(known / (1 - known))
    return points / SHAPE[::-1], scores


def _csv(rows, name):
    text = io.StringIO()
    csv.writer(text, lineterminator='\n').writerows(rows)
    return {name: text.getvalue().encode()}


def mediapipe_wide(points, scores, logits=False, times=None):
    xy, s = _shares(points, scores, logits)
    names = [name.upper() for name in get_layout('mediapipe33')]
    times = np.arange(len(xy)) / RATE if times is None else times
    axes = ('x', 'y', 'z', 'visibility')
    rows = [['timestamp_ms', *(f'{n}_{a}' for n in names for a in axes)]]
    for frame, time in enumerate(times):
        z = np.full(33, -0.1)
        values = np.c_[xy[frame], z, s[frame]].ravel().round(8)
        rows.append([f'{time * 1000:.3f}', *values])
    return _csv(rows, 'wide.csv')


def mediapipe_numbered(points, scores):
    """Columns x1, y1, z1, v1, ... and no time."""
    xy, s = _shares(points, scores, False)
    names = [f'{a}{i}' for i in range(1, 34) for a in 'xyzv']
    rows = [['class', *names]]
    for frame in range(len(xy)):
        values = np.c_[xy[frame], np.full(33, -0.1), s[frame]].ravel()
        rows.append(['walk', *values.round(8)])
    return _csv(rows, 'coords.csv')


def mediapipe_long(points, scores):
    xy, s = _shares(points, scores, False)
    rows = [['frame', 'timestamp_ms', 'landmark', 'x', 'y', 'z', 'visibility']]
    for frame in range(len(xy)):
        for mark in range(33):
            time = round(1000 * frame / RATE, 3)
            place = xy[frame, mark].round(8)
            rows.append([frame, time, mark, *place, -0.1, s[frame, mark]])
    return _csv(rows, 'long.csv')


_MARKERS = {
    **{'nose': 'Nose', 'neck': 'Neck', 'hip': 'Hip'},
    **{
        f'{side}_{joint}': f'{side[0].upper()}{joint.capitalize()}'
        for side in ('left', 'right')
        for joint in ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
    },
}


def trc(points, scores, unit='px', start=0.0):
    """Markers; in metres, y upwards and missing cells empty."""
    points, scores = as_layout('halpe26', points, scores)
    order = get_layout('halpe26')
    names = '\t\t\t'.join(_MARKERS.values())
    axes = '\t'.join(
        f'{a}{i}' for i in range(1, len(_MARKERS) + 1) for a in 'XYZ'
    )
    length = len(points)
    lines = [
        'PathFileType\t4\t(X/Y/Z)\twalk.trc',
        'DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\t'
        'OrigDataStartFrame\tOrigNumFrames',
        f'{RATE}\t{RATE}\t{length}\t{len(_MARKERS)}\t{unit}\t{RATE}\t0\t'
        f'{length}',
        f'Frame#\tTime\t{names}\t\t',
        f'\t\t{axes}',
        '',
    ]
    for frame in range(length):
        cells = [str(frame), f'{start + frame / RATE:.6f}']
        for name in _MARKERS:
            x, y = points[frame, order.index(name)]
            seen = scores[frame, order.index(name)] > 0
            if unit != 'px':
                per = {'m': 200.0, 'mm': 0.2}[unit]
                x, y = x / per, (SHAPE[0] - y) / per
                cells += [f'{x:.5f}', f'{y:.5f}', '0.0'] if seen else [''] * 3
            else:
                cells += [f'{x:.5f}', f'{y:.5f}', '0.0']
        lines.append('\t'.join(cells))
    return {'walk.trc': '\n'.join(lines).encode() + b'\n'}


def deeplabcut(points, scores, people=None):
    coco = get_layout('coco')
    parts, coords = [], []
    for name in coco:
        parts += [name] * 3
        coords += ['x', 'y', 'likelihood']
    names = people or ['']
    rows = [['scorer', *['DLC_resnet50'] * len(parts) * len(names)]]
    if people:
        rows.append(['individuals', *(n for n in names for _ in parts)])
    rows.append(['bodyparts', *parts * len(names)])
    rows.append(['coords', *coords * len(names)])
    for frame, (xy, s) in enumerate(zip(points, scores)):
        shifted = [
            np.c_[xy + 200.0 * i * (s > 0)[:, None], s].ravel()
            for i in range(len(names))
        ]
        rows.append([frame, *np.concatenate(shifted).round(5)])
    return _csv(rows, 'videoDLC.csv')


def mmaction(points, scores, shape='single'):
    single = {
        'frame_dir': 'walk',
        'label': 0,
        'img_shape': SHAPE,
        'original_shape': SHAPE,
        'total_frames': len(points),
        'keypoint': points[None].astype(np.float32),
        'keypoint_score': scores[None].astype(np.float32),
    }
    content = {
        'single': single,
        'list': [single],
        'dict': {'split': {'train': ['walk']}, 'annotations': [single]},
    }[shape]
    return {'walk.pkl': pickle.dumps(content)}


def keypoint_cells(points, scores):
    """A data frame of what Ultralytics finds, as CSV."""
    rows = [['frame', 'name', 'track_id', 'keypoints']]
    for frame, (xy, s) in enumerate(zip(points, scores)):
        cell = {'x': xy[:, 0].tolist(), 'y': xy[:, 1].tolist()}
        cell['visible'] = s.tolist()
        rows.append([frame, 'person', 4, cell])
    return _csv(rows, 'results.csv')


def posetrack(points, scores):
    images = [
        {'id': 1000 + i, 'file_name': f'images/val/walk/{i:06d}.jpg'}
        for i in range(len(points))
    ]
    people = [
        {'image_id': 1000 + i, 'track_id': 0, 'keypoints': flat(xy, s)}
        for i, (xy, s) in enumerate(zip(points, scores))
    ]
    names = [{'name': 'person', 'keypoints': [*get_layout('coco')]}]
    content = {'images': images, 'annotations': people, 'categories': names}
    return {'walk_posetrack.json': _json(content)}


def pose_pickle(points, scores):
    """Lists of people with arrays, as MMPose 0.x has them."""
    frames = [[{'keypoints': np.c_[p, s]}] for p, s in zip(points, scores)]
    return {'results.pkl': pickle.dumps(frames)}


def mmpose_dump(points, scores):
    """What ``--dump`` of MMPose pickles: the instances of each image."""
    return [
        {
            'img_path': f'frames/{i:06d}.jpg',
            'ori_shape': SHAPE,
            'pred_instances': {
                'keypoints': p[None],
                'keypoint_scores': s[None],
            },
        }
        for i, (p, s) in enumerate(zip(points, scores))
    ]


def numpy_array(points, scores):
    """An array (T, K, 3) of one person, as ``numpy.save`` writes it."""
    file = io.BytesIO()
    np.save(file, np.concatenate([points, scores[..., None]], axis=2))
    return {'poses.npy': file.getvalue()}


def c3d(points, names, rate=RATE):
    """A C3D file of points (T, N, 3) in mm, NaN where one is not seen."""
    import c3d as package

    writer = package.Writer(point_rate=rate, point_scale=-1.0)
    writer.set_point_labels(names)
    writer.point_group.add_str('UNITS', 'unit', 'mm', 2)
    gone = np.isnan(points).any(axis=2, keepdims=True)
    more = np.concatenate([np.where(gone, -1, 0), 0 * gone], axis=2)
    rows = np.concatenate([np.where(gone, 0, points), more], axis=2)
    none = np.zeros((0, 0))
    writer.add_frames([(row, none) for row in rows.astype(np.float32)])
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def _cells(points):
    """Cells of rows (T, N * 3), empty where one is not seen."""
    return [
        ['' if np.isnan(v) else f'{v:.4f}' for v in row]
        for row in points.reshape(len(points), -1).tolist()
    ]


def vicon(points, names, first=1, mark=',', decimal='.', before=()):
    """Trajectories (T, N, 3) in mm as Nexus exports them."""
    rows = [
        *before,
        ['Trajectories'],
        [f'{RATE:g}'],
        ['', '', *(cell for name in names for cell in (name, '', ''))],
        ['Frame', 'Sub Frame', *'XYZ' * len(names)],
        ['', '', *['mm'] * 3 * len(names)],
        *([str(i), '0', *r] for i, r in enumerate(_cells(points), first)),
        [''],
        ['Model Outputs'],
        ['100'],
    ]
    lines = (mark.join(c.replace('.', decimal) for c in r) for r in rows)
    return '\n'.join(lines)


def qualisys(points, names, columns=True, time=True, kind='3D'):
    """Motion data of QTM, zeros where a marker is not seen."""
    before = ['Frame', 'Time'] if columns and time else []
    rows = [
        ['NO_OF_FRAMES', str(len(points))],
        ['NO_OF_MARKERS', str(len(names))],
        ['FREQUENCY', f'{RATE:g}'],
        ['DESCRIPTION', '--'],
        ['TIME_STAMP', '2020-01-01, 10:00:00.123', '12345.678'],
        ['DATA_INCLUDED', kind],
        ['MARKER_NAMES', *names],
        ['TRAJECTORY_TYPES', *['Measured'] * len(names)],
    ]
    if columns:
        rows.append(
            [*before, *(f'{n} {axis}' for n in names for axis in 'XYZ')]
        )
    for frame, cells in enumerate(_cells(np.nan_to_num(points))):
        clock = [str(frame + 1), f'{frame / RATE:.5f}']
        rows.append([*clock[: len(before)], *cells])
    return '\n'.join('\t'.join(row) for row in rows) + '\n'


def motive(points, names, kind='Bone', space='Global', unit='Millimeters'):
    """A take of Motive; bones have rotations before their positions."""
    turn = ['0', '0', '0', '1'] if kind == 'Bone' else []
    width = len(turn) + 3
    head = ['Format Version', '1.23', 'Take Name', 'walk', 'Take Notes', '']
    head += ['Rotation Type', 'Quaternion', 'Length Units', unit]
    rows = [[*head, 'Coordinate Space', space], ['']]
    wide = [name for name in names for _ in range(width)]
    rows.append(['', 'Type', *[kind] * len(wide)])
    rows.append(['', 'Name', *wide])
    rows.append(['', 'ID', *['"12"'] * len(wide)])
    kinds = [*['Rotation'] * len(turn), *['Position'] * 3]
    rows.append(['', '', *kinds * len(names)])
    axes = [*'XYZW'[: len(turn)], *'XYZ']
    rows.append(['Frame', 'Time (Seconds)', *axes * len(names)])
    for frame, cells in enumerate(_cells(points)):
        each = (cells[i : i + 3] for i in range(0, len(cells), 3))
        clock = [str(frame), f'{frame / RATE:.6f}']
        rows.append([*clock, *(c for one in each for c in (*turn, *one))])
    return '\n'.join(map(','.join, rows)) + '\n'


MARKERS = {'vicon': vicon, 'qualisys': qualisys, 'motive': motive}
"""Tables of markers; bones of Motive are another case."""


TOOLS = {
    'openpose': (openpose, 'openpose_body25'),
    'openpose_coco18': (
        lambda p, s: openpose(p, s, 'openpose_coco18'),
        'openpose_coco18',
    ),
    'openpose_merged': (openpose_merged, 'openpose_body25'),
    'openpose_by_name': (openpose_by_name, 'openpose_body25'),
    'alphapose': (alphapose, 'coco'),
    'alphapose26': (lambda p, s: alphapose(p, s, 'halpe26'), 'halpe26'),
    'alphapose136': (lambda p, s: alphapose(p, s, 'halpe136'), 'halpe136'),
    'coco_results': (coco_results, 'coco'),
    'ultralytics': (ultralytics, 'coco'),
    'ultralytics_lists': (ultralytics_lists, 'coco'),
    'ultralytics_labels': (ultralytics_labels, 'coco'),
    'mmpose0x': (mmpose0x, 'coco'),
    'easy_vitpose': (easy_vitpose, 'coco'),
    'mediapipe_json': (mediapipe_json, 'mediapipe33'),
    'mediapipe_logits': (
        lambda p, s: mediapipe_json(p, s, True, 'pose_landmarks'),
        'mediapipe33',
    ),
    'mediapipe_wide': (mediapipe_wide, 'mediapipe33'),
    'mediapipe_wide_logits': (
        lambda p, s: mediapipe_wide(p, s, True),
        'mediapipe33',
    ),
    'mediapipe_numbered': (mediapipe_numbered, 'mediapipe33'),
    'mediapipe_long': (mediapipe_long, 'mediapipe33'),
    'numpy': (numpy_array, 'coco'),
    'trc': (trc, 'openpose_body25'),
    'deeplabcut': (deeplabcut, 'coco'),
    'keypoint_cells': (keypoint_cells, 'coco'),
    'posetrack': (posetrack, 'coco'),
    'pose_pickle': (pose_pickle, 'coco'),
    'mmaction': (mmaction, 'coco'),
    'mmaction_list': (lambda p, s: mmaction(p, s, 'list'), 'coco'),
    'mmaction_dict': (lambda p, s: mmaction(p, s, 'dict'), 'coco'),
}
"""How each tool writes the person, and the layout that it is read in."""
READ_AS = {
    **dict.fromkeys(('openpose', 'openpose_coco18'), 'openpose'),
    **dict.fromkeys(('openpose_merged', 'openpose_by_name'), 'openpose_json'),
    **dict.fromkeys(
        ('alphapose', 'alphapose26', 'alphapose136', 'coco_results'),
        'coco_results',
    ),
    **dict.fromkeys(('ultralytics', 'ultralytics_lists'), 'ultralytics'),
    'ultralytics_labels': 'ultralytics_labels',
    'mmpose0x': 'people_json',
    'easy_vitpose': 'easy_vitpose',
    **dict.fromkeys(('mediapipe_json', 'mediapipe_logits'), 'mediapipe_json'),
    **dict.fromkeys(
        [n for n in TOOLS if n.startswith(('mediapipe_w', 'mediapipe_n'))],
        'keypoint_table',
    ),
    'mediapipe_long': 'keypoint_table',
    'numpy': 'numpy',
    'trc': 'trc',
    'deeplabcut': 'deeplabcut',
    'keypoint_cells': 'keypoint_cells',
    'posetrack': 'coco_annotations',
    'pose_pickle': 'pose_pickle',
    **dict.fromkeys([n for n in TOOLS if 'mmaction' in n], 'mmaction'),
}
"""Reader that recognises each."""


def write(files, root):
    """Write files; returns the file, or the folder of several."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    first = root / next(iter(files))
    return first.parent if '/' in next(iter(files)) else first

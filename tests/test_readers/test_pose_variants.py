"""Layouts, times, people and places of skeletons as the field has them."""

import csv
import io
import json
import pickle
import re
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from raw_pose_tools import RATE, SHAPE, flat, mmpose_dump, openpose, person

from mobind_mm.apis.sources import to_pose
from mobind_mm.readers import recognize
from mobind_mm.readers.files import Video, load_people, load_pose
from mobind_mm.readers.frame_times import seconds
from mobind_mm.readers.named_points import as_scores, detections_of
from mobind_mm.skeleton import LAYOUTS, get_layout

VIDEO = Video(rate=RATE, img_shape=SHAPE)
COCO = get_layout('coco')
SIZE = Video(img_shape=SHAPE)
POINTS, SCORES = person()


def joints_of(points):
    """Joints of all layouts (T, 2), by name."""
    joints = dict(zip(COCO, points.transpose(1, 0, 2)))
    middle = {
        j: (joints[f'left_{j}'] + joints[f'right_{j}']) / 2
        for j in ('shoulder', 'hip')
    }
    up = (middle['shoulder'] - middle['hip']) / 3
    near = {
        **dict.fromkeys(('neck', 'thorax', 'neck_base'), 0.1),
        **dict.fromkeys(('head_bottom', 'upper_neck'), 0.4),
        **dict.fromkeys(('head', 'head_top', 'top_head'), 1.3),
        **dict.fromkeys(('spine', 'chest', 'belly'), -1.5),
        **dict.fromkeys(('spine_shoulder',), 0.0),
    }
    for name, share in near.items():
        joints[name] = middle['shoulder'] + share * up
    for name in ('hip', 'root', 'pelvis'):
        joints[name] = middle['hip']
    for side in ('left', 'right'):
        joints[f'{side}_foot'] = joints[f'{side}_ankle'] + (0, 5)
        for name in ('hand', 'hand_tip', 'thumb'):
            joints[f'{side}_{name}'] = joints[f'{side}_wrist'] + (3, 9)
    return joints


def rows_of(layout):
    """Skeletons (T, K, 3) of a layout."""
    joints = joints_of(POINTS)
    points = np.stack([joints[n] for n in get_layout(layout)], axis=1)
    points = np.concatenate([points, np.full_like(points[..., :1], 0.9)], 2)
    points[10, 9] = 0  # as the person's
    return points


def save(path, content):
    path.write_text(json.dumps(content))
    return path


def wrists(pose):
    """The left wrist (T, 2), NaN where it is missing."""
    index = get_layout(pose.layout).index('left_wrist')
    seen = np.asarray(pose.scores[:])[:, index] > 0
    return np.where(
        seen[:, None], np.asarray(pose.keypoints[:])[:, index], np.nan
    )


def follows(pose, frames=None, start=0.0):
    """Whether the wrist is where it was at the times of the skeleton."""
    times = pose.clock.at() - start
    frames = np.round(times * RATE).astype(int)
    np.testing.assert_allclose(times, frames / RATE, atol=5e-3)
    wanted = POINTS[frames, COCO.index('left_wrist')]
    got = wrists(pose)
    known = np.isfinite(got[:, 0])
    assert known.mean() > 0.5
    np.testing.assert_allclose(got[known], wanted[known], atol=0.1)
    return True


UNUSUAL = (
    *('lsp', 'aic', 'crowdpose', 'openpose_mpi15', 'posetrack15', 'jhmdb'),
    *('mpii', 'h36m', 'posetrack18', 'mpi_inf_3dhp', 'kinect25'),
)


@pytest.mark.parametrize('layout', UNUSUAL)
def test_the_proportions_tell_the_layout(layout, tmp_path):
    rows = rows_of(layout)
    content = [
        {'frame': i, 'keypoints': r.tolist()} for i, r in enumerate(rows)
    ]
    pose = load_pose(save(tmp_path / 'a.json', content), VIDEO)
    assert pose.layout == layout
    assert any(f'those of {layout}' in note for note in pose.notes)
    assert follows(pose)
    arrays = {'keypoints': rows[..., :2], 'scores': rows[..., 2]}
    same = to_pose({**arrays, 'rate': RATE, 'img_shape': SHAPE})
    assert same.layout == layout and follows(same)
    assert any(f'those of {layout}' in note for note in same.notes)


@pytest.mark.parametrize('layout', ['aic', 'h36m'])
def test_the_layout_of_a_pickle(layout, tmp_path):
    rows = rows_of(layout)
    content = {
        **{'frame_dir': 'a', 'img_shape': SHAPE, 'total_frames': len(rows)},
        **{
            'keypoint': rows[None, ..., :2],
            'keypoint_score': rows[None, ..., 2],
        },
    }
    path = tmp_path / 'a.pkl'
    for protocol in (0, 2, 5):
        path.write_bytes(pickle.dumps(content, protocol))
        pose = load_pose(path, Video(rate=RATE))
        assert pose.layout == layout and follows(pose)


def test_proportions_that_tell_nothing_make_a_note(tmp_path):
    rows = rows_of('coco')
    entries = [
        {'frame': i, 'keypoints': r.tolist()} for i, r in enumerate(rows)
    ]
    pose = load_pose(save(tmp_path / 'a.json', entries), VIDEO)
    assert not pose.notes
    for entry in entries:
        for row in entry['keypoints'][11:]:  # from the hips up
            row[:] = 0, 0, 0
    pose = load_pose(save(tmp_path / 'a.json', entries), VIDEO)
    assert pose.layout == 'coco'
    assert any('are taken for those of coco' in note for note in pose.notes)


def test_scores_in_percent(tmp_path):
    rows = rows_of('coco') * (1, 1, 100)
    entries = [
        {'frame': i, 'keypoints': r.tolist()} for i, r in enumerate(rows)
    ]
    content = {
        **{'frame_dir': 'a', 'img_shape': SHAPE, 'total_frames': len(rows)},
        **{'keypoint': rows[None, ..., :2]},
        **{'keypoint_score': rows[None, ..., 2]},
    }
    (tmp_path / 'a.pkl').write_bytes(pickle.dumps(content))
    for path in (save(tmp_path / 'a.json', entries), tmp_path / 'a.pkl'):
        rate = Video(rate=RATE) if path.suffix == '.pkl' else VIDEO
        pose = load_pose(path, rate)
        assert np.max(pose.scores) == pytest.approx(0.9)
        assert any('percent' in note for note in pose.notes)


@pytest.mark.parametrize(
    ('given', 'scores', 'said'),
    [
        ([0, 1, 2, 2], [0, 1, 1, 1], ''),
        ([0, 51, 255, 204], [0, 0.2, 1, 0.8], 'divided by 255'),
        ([0, 15, 5, 90], [0, 1 / 6, 1 / 18, 1], 'divided by 90'),
        ([0, -20, 20, 20], [0.5, 0, 1, 1], 'logit'),
    ],
)
def test_scores_of_other_ranges(given, scores, said):
    found, notes = as_scores(np.array(given, float), 'a.csv')
    np.testing.assert_allclose(np.clip(found, 0, 1), scores, atol=1e-6)
    assert said in ''.join(notes) and bool(said) == bool(notes)


def test_frames_numbered_in_steps(tmp_path):
    rows = rows_of('coco')
    entries = [
        {'frame': 5 * i, 'keypoints': r.tolist()} for i, r in enumerate(rows)
    ]
    pose = load_pose(save(tmp_path / 'a.json', entries), VIDEO)
    (note,) = pose.notes
    assert 'in steps of 5' in note and 'give 5 times its frame rate' in note
    fast = Video(rate=5 * RATE, img_shape=SHAPE)
    seen = wrists(load_pose(tmp_path / 'a.json', fast))
    assert np.isfinite(seen[::5, 0]).mean() > 0.5
    assert np.isnan(seen[1::5]).all()


def numpy_files(folder):
    """Arrays of keypoints as people save them, and what the notes say."""
    rows = rows_of('coco')
    shares = rows / (SHAPE[1], SHAPE[0], 1)
    two = np.stack([rows, np.add(rows, (400, 0, 0))], axis=1)
    two[10:] = two[10:, ::-1]
    two[20] *= 0
    ids = np.tile([3, 5], (len(rows), 1))
    ids[10:] = ids[10:, ::-1]
    for name, array in {
        'array': rows,
        'points': rows[..., :2].astype(np.float32),
        'shares': shares,
        'movenet': shares[..., [1, 0, 2]],
        'movenets': shares[:, None, None][..., [1, 0, 2]],
        'people_first': two.swapaxes(0, 1),
    }.items():
        np.save(folder / f'{name}.npy', array)
    ragged = np.empty(len(rows), object)
    ragged[:] = [r[None][: i % 9 != 8] for i, r in enumerate(rows)]
    np.save(folder / 'ragged.npy', ragged, allow_pickle=True)
    told = {'fps': RATE, 'img_shape': SHAPE}
    points, scores = two[..., :2], two[..., 2]
    np.savez(folder / 'only.npz', rows)
    np.savez(folder / 'told.npz', keypoints=rows, boxes=np.ones(4), **told)
    np.savez_compressed(
        folder / 'people.npz', keypoints=points, scores=scores, track_id=ids
    )
    return sorted(folder.glob('*.np?'))


def test_arrays_of_numpy(tmp_path):
    paths = numpy_files(tmp_path)
    assert len(paths) == 10
    for path in paths:
        video = Video() if path.stem == 'told' else VIDEO
        pose = load_pose(
            path, video, 3 if path.stem == 'people' else 'longest'
        )
        assert follows(pose), path
        assert not any('which frame' in note for note in pose.notes)
        told = {
            'people_first': '(people, frames)',
            'movenet': 'taken for y, x',
        }
        assert all(
            any(told[n] in note for note in pose.notes)
            for n in told
            if path.stem.startswith(n)
        )


@pytest.mark.parametrize(
    ('arrays', 'why'),
    [
        (
            {'a': np.ones((30, 17, 3)), 'b': np.ones((30, 17, 2))},
            '2 arrays.*a',
        ),
        ({'a': np.linspace(-1, 1, 1530).reshape(30, 17, 3)}, 'no score'),
        ({'a': np.ones((30, 6))}, r'no array of keypoints.*\(frames'),
        ({'a': np.array([{}])}, 'no array of keypoints'),
    ],
)
def test_arrays_that_are_no_keypoints(tmp_path, arrays, why):
    path = tmp_path / 'a.npz'
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=f'a.npz .*{why}'):
        load_pose(path, VIDEO)


def test_what_fits_no_layout_alone_is_refused_with_their_names(tmp_path):
    rng = np.random.default_rng(0)
    rows = rng.uniform(100, 600, (30, 14, 2)).tolist()
    content = [{'frame': i, 'keypoints': r} for i, r in enumerate(rows)]
    path = save(tmp_path / 'a.json', content)
    with pytest.raises(ValueError, match=r'lsp, aic, crowdpose.*--layout'):
        load_pose(path, VIDEO)
    pose = load_pose(path, Video(rate=RATE, img_shape=SHAPE, layout='aic'))
    assert pose.layout == 'aic'


@pytest.mark.parametrize('missing', ['nose', 'left_wrist', 'right_ankle'])
def test_keypoints_of_which_one_was_left_out(missing, tmp_path):
    """They are not the 16 of MPII, and y does not point upwards."""
    rows = np.delete(rows_of('coco'), COCO.index(missing), axis=1)
    content = [
        {'frame': i, 'keypoints': r.tolist()} for i, r in enumerate(rows)
    ]
    with pytest.raises(ValueError, match='16 keypoints.* not those of mpii'):
        load_pose(save(tmp_path / 'a.json', content), VIDEO)


def posetrack(layout, folder='images/val/1'):
    images = [
        {
            **{'id': 10003420000 + i, 'width': SHAPE[1], 'height': SHAPE[0]},
            'file_name': f'{folder}/{i:06d}.jpg',
        }
        for i in range(len(POINTS))
    ]
    people = [
        {
            **{'image_id': image['id'], 'track_id': 3, 'category_id': 1},
            'keypoints': rows.ravel().tolist(),
        }
        for image, rows in zip(images, rows_of(layout))
    ]
    names = [{'id': 1, 'keypoints': [*get_layout(layout)]}]
    return {'images': images, 'annotations': people[2:], 'categories': names}


@pytest.mark.parametrize('layout', ['posetrack15', 'posetrack18', 'coco'])
def test_posetrack(layout, tmp_path):
    content = posetrack(layout)
    for keys in ([*content], [*content][::-1]):
        path = save(tmp_path / 'a.json', {k: content[k] for k in keys})
        pose = load_pose(path, Video(rate=RATE))
        assert pose.layout == layout and pose.img_shape == SHAPE
        assert pose.clock.num_samples == len(POINTS)
        assert not np.asarray(pose.scores[:2]).any()
        assert follows(pose)
    odd = [{'id': [7], 'file_name': 'a.jpg'}, {'file_name': 'b.jpg'}, 5]
    path = save(
        tmp_path / 'a.json', {**content, 'images': odd + content['images']}
    )
    assert follows(load_pose(path, Video(rate=RATE)))
    images = [dict(image) for image in content['images']]
    images[7]['file_name'] = images[7]['file_name'].replace('000007', 'seven')
    path = save(tmp_path / 'a.json', {**content, 'images': images})
    with pytest.raises(ValueError, match=r"image 10003420007 .*seven\.jpg'"):
        load_pose(path, Video(rate=RATE))
    other = posetrack(layout, 'images/val/2')
    for image in other['images']:
        image['id'] += 500
    other['annotations'][0]['image_id'] += 500
    content['images'] += other['images']
    content['annotations'] += other['annotations'][:1]
    path = save(tmp_path / 'a.json', content)
    with pytest.raises(ValueError, match='2 videos.*val/1, .*val/2'):
        load_pose(path, Video(rate=RATE))


def frames_with(key, time, dropped=()):
    return [
        {key: time(i), 'keypoints': np.c_[POINTS[i], SCORES[i]].tolist()}
        for i in range(len(POINTS))
        if i not in dropped
    ]


@pytest.mark.parametrize(
    ('key', 'time', 'start'),
    [
        ('time', lambda i: i / RATE, 0),
        ('pts', lambda i: i / RATE, 0),
        ('pos_msec', lambda i: 1000 * i / RATE, 0),
        ('timestampMs', lambda i: round(1000 * i / RATE), 0),
        ('timestamp', lambda i: 1.7e12 + 1000 * i / RATE, 1.7e9),
        ('t', lambda i: f'00:00:{i / RATE:06.3f}', 0),
        (
            'timestamp',
            lambda i: f'2024-05-01T10:00:{i / RATE:06.3f}Z',
            1714557600,
        ),
    ],
)
@pytest.mark.parametrize('video', [VIDEO, SIZE])
def test_times_of_frames_in_json(key, time, start, video, tmp_path):
    """Frames that a program dropped do not shift those after them."""
    dropped = {*range(20, 30), *range(3, 60, 7)}
    content = frames_with(key, time, dropped)
    pose = load_pose(save(tmp_path / 'a.json', content), video)
    assert follows(pose, start=start)


def test_numbers_of_frames_are_no_times(tmp_path):
    content = frames_with('timestamp', int, {5, 6, 20})
    path = save(tmp_path / 'a.json', content)
    assert follows(load_pose(path, VIDEO))
    with pytest.raises(ValueError, match='does not give the frames per sec'):
        load_pose(path, SIZE)
    content = frames_with('pts', lambda i: 512 * i)
    with pytest.raises(ValueError, match='pts counts in steps of 512'):
        load_pose(save(path, content), SIZE)
    with pytest.raises(ValueError, match=r'a\.csv: t counts in steps of 1'):
        seconds(np.arange(5.0), 't', '', 'a.csv')


def test_times_that_many_frames_share_are_refused(tmp_path):
    content = frames_with('time', lambda i: i // 30 + 0.5)
    path = save(tmp_path / 'a.json', content)
    with pytest.raises(ValueError, match=r'time 0\.5 is that of two frames'):
        load_pose(path, VIDEO)


def test_what_a_file_says_of_its_video(tmp_path):
    frames = frames_with('frame', int)
    facts = {'fps': RATE, 'width': SHAPE[1], 'height': SHAPE[0]}
    for content in (
        {**facts, 'frames': frames},
        {'frames': frames, 'metadata': facts},
    ):
        pose = load_pose(save(tmp_path / 'a.json', content), Video())
        assert pose.clock.rate == RATE and pose.img_shape == SHAPE
        assert follows(pose)


def columns(i):
    x, y = POINTS[i].T.tolist()
    return {'x': x, 'y': y, 'visible': SCORES[i].tolist()}


def cells(key='frame', form=str):
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow([key, 'name', 'box', 'keypoints'])
    for i in range(len(POINTS)):
        name = f'img_{i:05d}.jpg' if key == 'image' else i
        table.writerow([name, 'person', "{'x1': 1.0}", form(columns(i))])
    return text.getvalue()


@pytest.mark.parametrize(
    'text',
    [
        cells(),
        cells('image'),
        cells(form=json.dumps),
        cells(form=lambda c: str(list(map(list, zip(*c.values()))))),
    ],
)
def test_keypoints_in_cells(text, tmp_path):
    """Ultralytics' to_csv, and data frames of lists."""
    path = tmp_path / 'a.csv'
    path.write_text(text)
    assert follows(load_pose(path, VIDEO))


def test_cells_that_are_no_lists_are_named(tmp_path):
    path = tmp_path / 'a.csv'
    path.write_text('frame,keypoints\n0,"[[1. 2.]\n [3. 4.]]"\n')
    with pytest.raises(ValueError, match=r"row 3: column 'keypoints'.*tolist"):
        load_pose(path, VIDEO)


def test_data_frames_as_json(tmp_path):
    number = range(len(POINTS))
    rows = [{'frame': i, 'keypoints': columns(i)} for i in number]
    for content in (
        {k: {str(i): r[k] for i, r in enumerate(rows)} for k in rows[0]},
        {str(i + 7): row for i, row in enumerate(rows)},
        {
            'columns': [*rows[0]],
            'index': [*number],
            'data': [[*row.values()] for row in rows],
        },
    ):
        path = save(tmp_path / 'a.json', content)
        assert follows(load_pose(path, VIDEO))


def test_arrays_of_people_beside_their_scores(tmp_path):
    points, scores = POINTS.tolist(), SCORES.tolist()
    for content in (
        [{'keypoints': [p], 'scores': [s]} for p, s in zip(points, scores)],
        [
            {'keypoints': {'xy': [p], 'conf': [s]}}
            for p, s in zip(points, scores)
        ],
        {'keypoints': [[p] for p in points], 'scores': [[s] for s in scores]},
    ):
        pose = load_pose(save(tmp_path / 'a.json', content), VIDEO)
        assert follows(pose)
        np.testing.assert_allclose(pose.scores, SCORES, atol=1e-4)


def test_entries_that_do_not_say_their_frame(tmp_path):
    one = [{'keypoints': columns(i)} for i in range(len(POINTS))]
    pose = load_pose(save(tmp_path / 'a.json', one), VIDEO)
    assert any('60 entries do not say' in note for note in pose.notes)
    other = [
        {'keypoints': {**p['keypoints'], 'x': [9.0 + x for x in range(17)]}}
        for p in one
    ]
    two = [p for pair in zip(one, other) for p in pair]
    with pytest.raises(ValueError, match='several people in turn'):
        load_pose(save(tmp_path / 'a.json', two), VIDEO)


@pytest.mark.parametrize('protocol', [0, 1, 4])
def test_predictions_in_pickles(protocol, tmp_path):
    """MMPose's --dump, and lists of MMPose 0.x."""
    dump = mmpose_dump(POINTS, SCORES)
    lists = [[{'keypoints': np.c_[p, s]}] for p, s in zip(POINTS, SCORES)]
    path = tmp_path / 'a.pkl'
    for content in (dump, lists):
        path.write_bytes(pickle.dumps(content, protocol))
        assert follows(load_pose(path, VIDEO))


class Evil:
    def __reduce__(self):
        return (open, ('evil', 'w'))


@pytest.mark.parametrize('protocol', [0, 1, 5])
def test_pickles_of_people_run_nothing(protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = [{'keypoints': Evil()}]
    (tmp_path / 'a.pkl').write_bytes(pickle.dumps(content, protocol))
    with pytest.raises(ValueError, match='holds .*open'):
        load_pose(tmp_path / 'a.pkl', VIDEO)
    assert not (tmp_path / 'evil').exists()


def zipped(path, files):
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_archives_of_skeletons(tmp_path):
    frames = openpose(POINTS, SCORES)
    hidden = {f'__MACOSX/._{name}': b'\0' for name in frames}
    path = zipped(tmp_path / 'a.zip', {**frames, **hidden})
    pose = load_pose(path, VIDEO)
    assert pose.layout == 'openpose_body25' and follows(pose)
    text = json.dumps(frames_with('frame', int))
    names = {'out/poses.json': text, 'out/vis/1.jpg': b'\xff\xd8'}
    pose = load_pose(zipped(tmp_path / 'b.zip', names), VIDEO)
    assert follows(pose)
    assert any('poses.json in it is read' in note for note in pose.notes)
    path = zipped(tmp_path / 'c.zip', {'a.json': text, 'b.json': text})
    with pytest.raises(ValueError, match=r"2 results.*'a\.json', 'b\.json'"):
        load_pose(path, VIDEO)


def test_the_only_result_in_a_folder(tmp_path):
    folder = tmp_path / 'out' / 'predictions'
    folder.mkdir(parents=True)
    save(folder / 'take.json', frames_with('frame', int))
    (tmp_path / 'out' / 'visualizations').mkdir()
    (tmp_path / 'out' / 'log.txt').write_text('done')
    assert follows(load_pose(tmp_path / 'out', VIDEO))


def entry(i, shift=0.0, **keys):
    points = POINTS[i] + (shift, 0) * (SCORES[i] > 0)[:, None]
    return {'image_id': i, 'keypoints': flat(points, SCORES[i]), **keys}


def test_whom_a_tracker_lost(tmp_path):
    path = tmp_path / 'a.json'
    short = [
        entry(i, idx=1 + (i > 25)) for i in range(60) if i not in (24, 25)
    ]
    (pose,) = load_people(save(path, short), VIDEO).values()
    assert any('are joined to it (2 to 1)' in note for note in pose.notes)
    # Somebody else stands there, too.
    crowd = [*short, *(entry(i, 50, idx=9) for i in range(60))]
    assert len(load_people(save(path, crowd), VIDEO, 0.3)) == 3


@pytest.mark.parametrize('ids', [True, False])
def test_who_is_alone_and_comes_back(tmp_path, ids):
    path = tmp_path / 'a.json'

    def away(shift):
        later = [entry(i, shift, idx=2) for i in range(29, 60)]
        later = [{**one, 'image_id': one['image_id'] + 45} for one in later]
        frames = [*(entry(i, idx=1) for i in range(31)), *later]
        return frames

    def without(frames):
        if ids:
            return frames
        return [{k: one[k] for k in one if k != 'idx'} for one in frames]

    # The same, as two people are never seen at once.
    (pose,) = load_people(save(path, without(away(0))), VIDEO).values()
    assert (pose.scores > 0).any(axis=1).sum() == 62
    assert any('never seen at once' in note for note in pose.notes)
    # Another, farther away; or as the user says, with a note.
    assert len(load_people(save(path, without(away(700))), VIDEO)) == 2
    strict = replace(VIDEO, max_gap_sec=1.0)
    people = load_people(save(path, without(away(0))), strict)
    assert len(people) == 2
    first = next(iter(people.values()))
    assert any('max_gap_sec: 2' in note for note in first.notes)
    # Somebody else is seen, too.
    other = [entry(i, 700, idx=3) for i in range(60)]
    people = load_people(save(path, without([*away(0), *other])), VIDEO)
    assert len(people) == 3


def test_identities_that_change_places(tmp_path):
    """Those that are the order of a detector, for one."""
    rng = np.random.default_rng(0)
    content = []
    for i, rows in enumerate(np.c_[POINTS, SCORES[..., None]].tolist()):
        order = rng.permutation(3) if i % 7 == 5 else np.arange(3)
        content += [
            {
                **{'frame': i, 'track_id': int(number)},
                'keypoints': [[x + 200 * place, y, s] for x, y, s in rows],
            }
            for place, number in enumerate(order)
        ]
    people = load_people(save(tmp_path / 'a.json', content), VIDEO)
    assert len(people) == 3
    for pose in people.values():
        across = wrists(pose)[:, 0]
        assert np.nanmax(across) - np.nanmin(across) < 150
    assert any('change places' in note for note in pose.notes)


def test_points_by_frame_marked_twice_and_not_written_to_the_end(tmp_path):
    rows = np.c_[POINTS, SCORES[..., None]].tolist()
    path = tmp_path / 'a.json'
    for people in (rows, [[row] for row in rows]):
        text = json.dumps({str(i): some for i, some in enumerate(people)})
        path.write_bytes(b'\xef\xbb\xbf' * 2 + text.encode() + b'\0' * 600)
        assert follows(load_pose(path, VIDEO))


@pytest.mark.parametrize('end', ['', '\0' * 600])
def test_lines_of_which_the_last_is_cut(end, tmp_path):
    rows = np.c_[POINTS, SCORES[..., None]].tolist()
    lines = [
        json.dumps({'frame': i, 'keypoints': row})
        for i, row in enumerate(rows)
    ]
    path = tmp_path / 'a.jsonl'
    path.write_text('\n'.join(lines)[:-200] + end)
    pose = load_pose(path, VIDEO)
    assert len(pose.keypoints) == len(rows) - 1 and follows(pose)
    assert any('row, 60, is cut' in note for note in pose.notes)
    path.write_text('\n'.join([*lines[:9], lines[9][:-9], *lines[10:]]))
    with pytest.raises(ValueError, match='row 10 is not complete JSON'):
        load_pose(path, VIDEO)


@pytest.mark.parametrize(
    ('video', 'rate', 'told'),
    [
        (Video(rate=RATE), RATE, 'but the file has 25'),
        (Video(clip=Video(rate=50.0)), 50.0, 'but the file has 25'),
        (Video(clip=Video(rate=24.975)), 24.975, ''),
    ],
)
def test_rates_that_disagree(video, rate, told, tmp_path):
    """That of the video is exact where that of the file is rounded."""
    rows = np.c_[POINTS, SCORES[..., None]].tolist()
    frames = [{'frame': i, 'keypoints': row} for i, row in enumerate(rows)]
    path = save(tmp_path / 'a.json', {'fps': 25, 'frames': frames})
    pose = load_pose(path, replace(video, img_shape=SHAPE))
    assert pose.clock.rate == rate
    assert any(told in n for n in pose.notes) if told else not pose.notes


@pytest.mark.parametrize(
    ('sign', 'said'), [([1, -1], 'point upwards'), ([9, 9], 'height, width')]
)
def test_points_outside_the_image(sign, said, tmp_path):
    rows = rows_of('coco')
    rows[..., :2] *= sign
    entries = [
        {'frame': i, 'keypoints': r.tolist()} for i, r in enumerate(rows)
    ]
    with pytest.raises(ValueError, match=said):
        load_pose(save(tmp_path / 'a.json', entries), VIDEO)


def test_points_in_a_corner_are_noted(tmp_path):
    content = [
        {'frame': i, 'keypoints': np.c_[POINTS[i] / 4, SCORES[i]].tolist()}
        for i in range(len(POINTS))
    ]
    pose = load_pose(save(tmp_path / 'a.json', content), VIDEO)
    assert any('upper left' in note for note in pose.notes)


def test_movenet_gives_y_before_x(tmp_path):
    yx = np.concatenate(
        [(POINTS / SHAPE[::-1])[..., ::-1], SCORES[..., None]], axis=2
    )
    content = [[[row]] for row in yx.tolist()]
    pose = load_pose(save(tmp_path / 'a.json', content), VIDEO)
    assert follows(pose)
    assert any('MoveNet' in note for note in pose.notes)


def test_json_of_something_else_names_its_keys(tmp_path):
    path = save(tmp_path / 'a.json', [{'image_id': 0, 'pred_densepose': 1}])
    with pytest.raises(ValueError, match="keypoints, of .*'pred_densepose'"):
        load_pose(path, VIDEO)


@pytest.mark.parametrize('layout', sorted(LAYOUTS))
def test_every_layout_has_arms_and_legs(layout):
    names = get_layout(layout)
    assert len({*names}) == len(names)
    joints = [n for n in names if re.fullmatch(r'(left|right)_wrist', n)]
    assert len(joints) == 2


def test_points_go_by_their_numbers(tmp_path):
    frames = [
        [
            {'id': j, 'x': x, 'y': y, 'score': s}
            for j, (x, y), s in zip(range(17), p, scores)
        ][::-1]
        for p, scores in zip(POINTS.tolist(), SCORES.tolist())
    ]
    content = [
        {'frame': i, 'keypoints': points} for i, points in enumerate(frames)
    ]
    path = save(tmp_path / 'a.json', content)
    assert follows(load_pose(path, VIDEO))
    content[3]['keypoints'] = content[3]['keypoints'][:9]
    with pytest.raises(ValueError, match='item 3.*Write all points'):
        load_pose(save(path, content), VIDEO)


def test_the_name_of_the_video_is_no_frame(tmp_path):
    content = frames_with('time', lambda i: i / RATE)
    for item in content:
        item['filename'] = 'walk_07.mp4'
    path = save(tmp_path / 'a.json', content)
    assert follows(load_pose(path, VIDEO))
    for item in content:
        item['filename'] = 'walk_07'
    with pytest.raises(ValueError, match='all its 60 entries.*one frame'):
        load_pose(save(path, content), VIDEO)


def frames(count):
    person = {'keypoints': [[5.0, 6.0]] * 17, 'keypoint_scores': [0.9] * 17}
    return [{'frame_id': n, 'instances': [person]} for n in range(count)]


def test_a_folder_of_videos_is_no_folder_of_frames(tmp_path):
    for name in ('v01', 'v02'):
        (tmp_path / f'{name}.json').write_text(
            json.dumps({'instance_info': frames(3)})
        )
    assert recognize(tmp_path) is None  # OpenPose: mobind sync --study failed
    for name in ('v01', 'v02'):
        people = frames(1)[0]['instances']
        (tmp_path / f'{name}.json').write_text(json.dumps(people))
    assert recognize(tmp_path).name == 'openpose'


def test_json_that_powershell_saved(tmp_path):
    """Named "no complete JSON" before."""
    points, scores = person(12)
    frames = [
        {'frame': i, 'keypoints': np.c_[p, s].tolist()}
        for i, (p, s) in enumerate(zip(points, scores))
    ]
    path = tmp_path / 'a.json'
    path.write_text(json.dumps(frames), encoding='utf-16')
    pose = load_pose(path, Video(rate=RATE, img_shape=SHAPE))
    assert pose.clock.num_samples == 12


def columns_of_people(names):
    """A table with two people side by side; columns by a format."""
    rows = rows_of('coco')
    two = np.stack([rows, np.add(rows, (400, 0, 0))])
    two[1, 10, 9] = 0
    heads = ['frame'] + [
        names[who].format(name=name, axis=axis)
        for who in (0, 1)
        for name in COCO
        for axis in 'xy'
    ]
    points = two[..., :2].transpose(1, 0, 2, 3).reshape(len(POINTS), -1)
    rows = [[i, *row] for i, row in enumerate(points.tolist())]
    return '\n'.join(','.join(map(str, row)) for row in [heads, *rows])


@pytest.mark.parametrize(
    'names',
    [
        ('person1_{name}_{axis}', 'person2_{name}_{axis}'),
        ('P1 {name} {axis}', 'P2 {name} {axis}'),
        ('{name}_{axis}', '{name}_{axis}.1'),
        ('{name}_1_{axis}', '{name}_2_{axis}'),
        ('{name}_{axis}', 'id2_{name}_{axis}'),
        ('anna-{name}-{axis}', 'bob-{name}-{axis}'),
        ('p1_{name} {axis} [px]', 'p2_{name} {axis} [px]'),
        ('{name}_{axis} (px)', '2_{name}_{axis} (px)'),
    ],
)
def test_people_side_by_side(tmp_path, names):
    (tmp_path / 'a.csv').write_text(columns_of_people(names))
    people = [*load_people(tmp_path / 'a.csv', VIDEO).values()]
    assert len(people) == 2 and follows(people[0])
    apart = people[1].keypoints - people[0].keypoints
    np.testing.assert_allclose(apart[11:, :, 0], 400, atol=1e-3)


@pytest.mark.parametrize('who', [1, 2])
def test_people_of_whom_one_lacks_a_point(tmp_path, who):
    """All were refused, for columns that say nothing."""
    text = columns_of_people(('p1_{name}_{axis}', 'p2_{name}_{axis}'))
    text = text.replace(f'p{who}_right_elbow_x', 'date')
    (tmp_path / 'a.csv').write_text(text)
    people = [*load_people(tmp_path / 'a.csv', VIDEO).values()]
    assert len(people) == 2 and follows(people[0])
    elbow = [
        (p.scores[:, COCO.index('right_elbow')] > 0).any() for p in people
    ]
    assert elbow == [who != 1, who != 2]
    told = f'person of p{who}_nose_x has no columns of right_elbow'
    assert any(told in note for note in people[0].notes)


def test_people_of_whom_one_lacks_scores_or_joints(tmp_path):
    """A score that is absent is 1; a few joints are nobody."""
    text = columns_of_people(('p1_{name}_{axis}', 'p2_{name}_{axis}'))
    head, *rows = text.split('\n')
    lines = [f'{head},p1_nose_score', *(f'{row},0.5' for row in rows)]
    path = tmp_path / 'a.csv'
    path.write_text('\n'.join(lines))
    people = [*load_people(path, VIDEO).values()]
    assert len(people) == 2 and follows(people[0])
    head = ','.join(
        name if 'p2' not in name or '_ear' in name or 'eye' in name else 'a'
        for name in head.split(',')
    )
    path.write_text('\n'.join([head, *rows]))
    (pose,) = load_people(path, VIDEO).values()
    assert follows(pose)
    assert any('p2_left_eye_x are no skeleton' in n for n in pose.notes)


@pytest.mark.parametrize('word', ['pose_', 'kp '])
def test_a_word_before_all_keypoints(tmp_path, word):
    names = [f'{word}{name}_{axis}' for name in COCO for axis in 'xy']
    rows = rows_of('coco')[..., :2].reshape(len(POINTS), -1).tolist()
    text = [','.join(map(str, [*row])) for row in [names, *rows]]
    (tmp_path / 'a.csv').write_text('\n'.join(text))
    assert follows(load_pose(tmp_path / 'a.csv', VIDEO))


@pytest.mark.parametrize(
    ('side', 'told'),
    [(0, 'shares of the height alone'), (1, 'multiply y by 1.78 first')],
)
def test_shares_of_one_side(tmp_path, side, told):
    """Those of the shorter side show it, those of the longer one may be."""
    shares = (POINTS + [500, -100] * (POINTS > 0)) / SHAPE[side]
    np.save(tmp_path / 'a.npy', shares)
    pose = load_pose(tmp_path / 'a.npy', VIDEO)
    assert any(told in note for note in pose.notes)
    seen = pose.keypoints[:, 5]
    wanted = POINTS[:, 5] + [500, -100]
    wanted = wanted * ([1, 1] if side == 0 else [1, SHAPE[0] / SHAPE[1]])
    np.testing.assert_allclose(seen, wanted, rtol=1e-3)


@pytest.mark.parametrize(
    'names',
    [
        ('Anna:{}', 'Bob:{}'),
        ('{}', '{}_2'),
        ('1{}', '2{}'),
        ('P1_{}', 'P2_{}'),
        ('anna_{}', 'bob_{}'),
    ],
)
def test_markers_of_two_subjects(names):
    """Of TRC, C3D and DeepLabCut; the second was dropped silently."""
    joints = joints_of(POINTS)
    points = {
        names[who].format(n): joints[n] + [400 * who, 0]
        for who in (0, 1)
        for n in COCO
    }
    detections = detections_of(points, VIDEO, 'a.trc')
    assert len(detections.frames) == 2 * len(POINTS)
    first, second = (detections.keypoints[detections.ids == i] for i in (0, 1))
    np.testing.assert_allclose((second - first)[..., 0], 400, atol=1e-3)
    del points[names[1].format('nose')]  # a marker that only one has
    detections = detections_of(points, VIDEO, 'a.trc')
    nose = [detections.scores[detections.ids == i, 0] for i in (0, 1)]
    assert (nose[0] == 1).all() and (nose[1] == 0).all()


def test_numbered_markers_of_one_body_are_no_people():
    """Such as those inside and outside of each joint."""
    joints = joints_of(POINTS)
    points = {f'{n}{k}': joints[n] + [10 * k, 0] for n in COCO for k in (1, 2)}
    detections = detections_of(points, VIDEO, 'a.trc')
    assert len(detections.frames) == len(POINTS)
    np.testing.assert_allclose(
        detections.keypoints[:, 5], joints['left_shoulder'] + [10, 0]
    )


def test_whoever_leaves_the_image_has_shares_of_both_sides(tmp_path):
    seen = POINTS[:, 5:]
    right = SHAPE[1] - np.quantile(seen[..., 0], 0.8)
    moved = POINTS + np.array([right, 0])
    np.save(tmp_path / 'a.npy', moved / SHAPE[::-1])
    pose = load_pose(tmp_path / 'a.npy', VIDEO)
    np.testing.assert_allclose(pose.keypoints[:, 5], moved[:, 5], rtol=1e-3)


NAMED = [dict(zip(COCO, frame)) for frame in rows_of('coco').tolist()]
ROWS = rows_of('coco').tolist()
AXES = [
    {n: dict(zip(('x', 'y', 'score'), p)) for n, p in frame.items()}
    for frame in NAMED
]
NESTED = {
    'points': [{'keypoints': frame} for frame in NAMED],
    'bare': [{'frame': i, **frame} for i, frame in enumerate(NAMED)],
    'axes': [{'people': [frame]} for frame in AXES],
    'frames': {f'frame_{i}': frame for i, frame in enumerate(NAMED)},
    'array': {'fps': RATE, 'keypoints': ROWS},
    'tracks': {
        'tracks': [
            {
                'id': 3,
                'frames': [
                    {'frame': i, 'keypoints': frame}
                    for i, frame in enumerate(ROWS)
                ],
            }
        ]
    },
    'ids': {str(i): {'7': frame} for i, frame in enumerate(ROWS)},
    'flat': {str(i): {'7': np.ravel(f).tolist()} for i, f in enumerate(ROWS)},
    'words': {str(i): {'person_7': frame} for i, frame in enumerate(NAMED)},
    'below': {
        'fps': RATE,
        'frames': {f'{i}': {'7': {'pose': f}} for i, f in enumerate(ROWS)},
    },
    'numbers': {
        str(i): {str(j): p for j, p in enumerate(frame)}
        for i, frame in enumerate(ROWS)
    },
    'columns': {
        str(i): dict(zip(('x', 'y', 'score'), map(list, zip(*frame))))
        for i, frame in enumerate(ROWS)
    },
    'people first': {
        'person_7': {str(i): frame for i, frame in enumerate(NAMED)}
    },
    'people listed': {'people': [{'id': 7, 'frames': dict(enumerate(ROWS))}]},
    'joints first': {n: [frame[n] for frame in NAMED] for n in COCO},
    'joints by axis': {
        n: {axis: [frame[n][axis] for frame in AXES] for axis in 'xy'}
        for n in COCO
    },
    'one video': {
        'walk.mp4': {f'{i}': {'pose': f} for i, f in enumerate(ROWS)}
    },
    'wrapped': {'result': {'fps': RATE, 'frames': NAMED}},
    'frames of dicts': {'keypoints': NAMED, 'version': 1},
    'poses': {'pose': ROWS},
    'sides': [
        {
            'nose': frame['nose'],
            **{
                side: {
                    name.removeprefix(f'{side}_'): point
                    for name, point in frame.items()
                    if name.startswith(side)
                }
                for side in ('right', 'left')
            },
        }
        for frame in NAMED
    ],
    'empty': {
        **{str(i): {'7': frame} for i, frame in enumerate(ROWS)},
        **{'0': {}, '3': {}},
    },
    'null': {
        str(i): {n: p if any(p) else None for n, p in frame.items()}
        for i, frame in enumerate(NAMED)
    },
}
"""Frames, people and points of a file in any order."""


@pytest.mark.parametrize('kind', NESTED)
def test_json_of_nested_dicts(tmp_path, kind):
    (tmp_path / 'a.json').write_text(json.dumps(NESTED[kind]))
    people = load_people(tmp_path / 'a.json', VIDEO)
    assert len(people) == 1 and follows(next(iter(people.values())))


def test_people_of_nested_dicts(tmp_path):
    """Names of people are theirs in whatever order a frame has them."""
    other = np.add(rows_of('coco'), (400, 0, 0))
    other[10, 9] = 0
    pairs = [(('3', a), ('12', b)) for a, b in zip(ROWS, other.tolist())]
    frames = {str(i): dict(p[:: 1 - i % 2 * 2]) for i, p in enumerate(pairs)}
    path = save(tmp_path / 'a.json', frames)
    people = load_people(path, VIDEO)
    assert [*people] == ['person 3', 'person 12']
    assert follows(people['person 3'])
    first = {w: {f: frames[f][w] for f in frames} for w in ('3', '12')}
    people = load_people(save(path, first), VIDEO)
    assert follows(people['person 3'])
    assert any('taken for people' in n for n in people['person 3'].notes)
    few = {f'frame_{i}': {str(w): ROWS[0] for w in range(9)} for i in (0, 1)}
    assert len(load_people(save(path, few), VIDEO, min_sec=0)) == 9
    words = {'Anna': first['3'], 'Bob': first['12']}
    assert follows(load_people(save(path, words), VIDEO)['person 0'])
    first = {f'cam{w}': one for w, one in first.items()}
    with pytest.raises(ValueError, match='2 views.*file of its own'):
        load_people(save(path, first), VIDEO)
    views = {
        f: {f'cam{w}': {'pose': p} for w, p in frame.items()}
        for f, frame in frames.items()
    }
    with pytest.raises(ValueError, match="views by name .*'cam3', 'cam12'"):
        load_people(save(path, views), VIDEO)


def test_nested_dicts_that_lack_points(tmp_path):
    frames = {
        str(i): {str(j): p for j, p in enumerate(frame) if j != 4}
        for i, frame in enumerate(ROWS)
    }
    with pytest.raises(ValueError, match='Write all points'):
        load_pose(save(tmp_path / 'a.json', frames), VIDEO)
    times = {f'00:00:{i:02}.500': frame for i, frame in enumerate(ROWS)}
    with pytest.raises(ValueError, match=r"'00:00:00\.500', which is a time"):
        load_pose(save(tmp_path / 'a.json', times), VIDEO)
    joints = dict(NESTED['joints first'])
    joints['nose'] = joints['nose'][:-1]
    with pytest.raises(ValueError, match='nose has 59 points'):
        load_pose(save(tmp_path / 'a.json', joints), VIDEO)


SPACE = np.insert(POINTS / 400 + (0.5, 0.2), 2, 2.0, axis=2)
"""The person in metres, x to the right and y down, before a camera."""


@pytest.mark.parametrize(
    'space',
    [
        pytest.param(SPACE * 1000, id='mm'),
        pytest.param(SPACE, id='m'),
        pytest.param(SPACE * (1, -1, 1) + (0, 2, 0), id='y upwards'),
        pytest.param(SPACE[..., [0, 2, 1]] * (1, 1, -1), id='z upwards'),
    ],
)
@pytest.mark.parametrize('named', [False, True])
def test_json_of_points_in_space_is_refused(tmp_path, space, named):
    """Of rows, z was taken for a score, and x and y for pixels or shares."""
    if named:
        space = space - [space[..., 0].mean() * 1.05, 0, 0]
    frames = [
        {n: dict(zip('xyz', p)) for n, p in zip(COCO, frame)}
        if named
        else {'keypoints': frame}
        for frame in space.tolist()
    ]
    content = [{'frame': i, **frame} for i, frame in enumerate(frames)]
    path = save(tmp_path / 'a.json', content)
    with pytest.raises(ValueError, match='points in space'):
        load_pose(path, VIDEO)


def test_flags_and_names_of_apple(tmp_path):
    """The nose is called head_joint; flags were no numbers."""
    names = {'nose': 'head_joint', 'left_wrist': 'left_hand_joint'}
    content = [
        {
            'frame': i,
            'joints': [
                {'name': names.get(n, n), 'x': x, 'y': y, 'visible': bool(x)}
                for n, (x, y, _) in zip(COCO, frame)
            ],
        }
        for i, frame in enumerate(ROWS)
    ]
    pose = load_pose(save(tmp_path / 'a.json', content), VIDEO)
    assert pose.layout == 'coco' and follows(pose)
    np.testing.assert_allclose(pose.keypoints[:, 0], POINTS[:, 0], atol=1e-3)


@pytest.mark.parametrize(
    ('length', 'said'),
    [
        (len(POINTS), None),
        (len(POINTS) + 40, None),  # the person went away
        (2 * len(POINTS), 'if one in 2 was used.*--fps 15,'),
        (len(POINTS) - 9, 'give the predictions on this video'),
    ],
)
def test_files_with_other_frames_than_the_video(tmp_path, length, said):
    path = save(tmp_path / 'a.json', NESTED['bare'])
    video = Video(clip=Video(RATE, SHAPE, num_frames=length))
    notes = [n for n in load_pose(path, video).notes if 'but the video' in n]
    assert len(notes) == bool(said) and all(re.search(said, n) for n in notes)
    user = Video(rate=15.0, clip=video.clip)  # which is another note
    notes = load_pose(path, user).notes
    assert not any('frames, but the video' in note for note in notes)


WIDE = [f'{name}_{axis}' for name in COCO for axis in 'xy']
GONE = range(20, 30)
FLAT = np.array(ROWS)[..., :2].reshape(len(ROWS), -1).tolist()


@pytest.mark.parametrize(
    ('column', 'form'),
    [
        ('frame_num', '{}'),
        ('FrameNo', '{}'),
        ('image', 'take/frame_{:04d}.jpg'),
        ('file_name', 'img{}_keypoints.png'),
    ],
)
def test_frames_of_a_table_by_any_name(column, form, tmp_path):
    """Each row was taken for one frame, so that gaps moved what follows."""
    rows = [
        [form.format(i), *row] for i, row in enumerate(FLAT) if i not in GONE
    ]
    lines = (','.join(map(str, row)) for row in [[column, *WIDE], *rows])
    (tmp_path / 'a.csv').write_text('\n'.join(lines))
    pose = load_pose(tmp_path / 'a.csv', VIDEO)
    assert follows(pose) and not (pose.scores[GONE.start : GONE.stop]).any()
    lines = [','.join(map(str, ['walk_02.mp4', *row])) for row in FLAT]
    (tmp_path / 'a.csv').write_text(
        '\n'.join([','.join(['file', *WIDE]), *lines])
    )
    assert follows(load_pose(tmp_path / 'a.csv', VIDEO))  # not of frame 2
    long = ['image', 'keypoint', 'x', 'y']
    lines = [
        [f'{i:06d}.png', name, *point]
        for i, frame in enumerate(ROWS)
        for name, point in zip(COCO, np.array(frame)[:, :2].tolist())
    ]
    text = (','.join(map(str, row)) for row in [long, *lines])
    (tmp_path / 'a.csv').write_text('\n'.join(text))
    assert follows(load_pose(tmp_path / 'a.csv', VIDEO))


def test_names_that_end_in_p(tmp_path):
    """``leftHipX`` was taken for a ``leftHi`` in pixels."""
    camel = (re.sub('_(.)', lambda m: m[1].upper(), name) for name in COCO)
    names = ['frame', *(f'{name}{axis}' for name in camel for axis in 'XY')]
    rows = [[i + 1, *row] for i, row in enumerate(FLAT)]
    lines = (','.join(map(str, row)) for row in [names, *rows])
    (tmp_path / 'a.csv').write_text('\n'.join(lines))
    pose = load_pose(tmp_path / 'a.csv', VIDEO)
    assert pose.scores[:, COCO.index('left_hip')].all()
    assert 'count from 1' in pose.notes[0]


@pytest.mark.parametrize(
    'content',
    [
        [{'frame': i, **dict(zip(WIDE, r))} for i, r in enumerate(FLAT)],
        dict(zip(WIDE, map(list, zip(*FLAT)))),
        {n: dict(enumerate(c)) for n, c in zip(WIDE, zip(*FLAT))},
        {'columns': WIDE, 'index': [*range(len(FLAT))], 'data': FLAT},
    ],
)
def test_tables_of_points_as_json(content, tmp_path):
    """As pandas writes them by rows, by columns or apart."""
    assert follows(load_pose(save(tmp_path / 'a.json', content), VIDEO))


@pytest.mark.parametrize('form', [list, tuple])
def test_a_joint_in_each_cell(form, tmp_path):
    rows = [['frame', *COCO]]
    for i, frame in enumerate(np.array(ROWS)[..., :2].tolist()):
        rows.append([i, *(form(point) for point in frame)])
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    (tmp_path / 'a.csv').write_text(text.getvalue())
    assert follows(load_pose(tmp_path / 'a.csv', VIDEO))


def test_parquet_of_named_points(tmp_path):
    arrow = pytest.importorskip('pyarrow')
    parquet = pytest.importorskip('pyarrow.parquet')
    columns = {'frame': [*range(len(FLAT))], **dict(zip(WIDE, zip(*FLAT)))}
    parquet.write_table(arrow.table(columns), tmp_path / 'a.parquet')
    assert follows(load_pose(tmp_path / 'a.parquet', VIDEO))

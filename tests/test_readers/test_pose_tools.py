"""The person that a pose tool saw is the person that is read."""

import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from json_mutations import mutations
from raw_pose_tools import (
    MARKERS,
    MISSING,
    RATE,
    READ_AS,
    SHAPE,
    TOOLS,
    alphapose,
    as_layout,
    c3d,
    deeplabcut,
    mediapipe_wide,
    mmaction,
    motive,
    openpose,
    person,
    qualisys,
    trc,
    ultralytics_labels,
    vicon,
    write,
)
from shared import shared_path

from mobind_mm.apis.sources import to_people, to_pose
from mobind_mm.checks.inspection import inspect_path
from mobind_mm.readers import check_reader, recognize
from mobind_mm.readers.files import Video, load_people, load_pose
from mobind_mm.readers.keypoint_names import keypoint_name
from mobind_mm.skeleton import (
    LAYOUTS,
    get_layout,
    layout_limbs,
    layout_name,
    limb_indices,
)

BODY25, SIDES = 'openpose_body25', ('left', 'right')
VIDEO = Video(rate=RATE, img_shape=SHAPE)


@pytest.mark.parametrize(
    'tool',
    [
        *('openpose', 'openpose_merged', 'openpose_by_name', 'alphapose'),
        *('coco_results', 'ultralytics', 'ultralytics_lists', 'mmpose0x'),
        *('easy_vitpose', 'mediapipe_json', 'posetrack'),
    ],
)
def test_odd_values_are_read_or_refused(tool, tmp_path):
    files = TOOLS[tool][0](*person(length=4))
    name = next(iter(files))
    for content in mutations(json.loads(files[name]), 0, 40):
        files[name] = json.dumps(content).encode()
        try:
            load_people(write(files, tmp_path), VIDEO)
        except ValueError as error:
            assert str(tmp_path) in str(error)


@pytest.mark.parametrize('tool', TOOLS)
def test_everything_that_a_tool_wrote_is_read(tool, tmp_path):
    writer, layout = TOOLS[tool]
    points, scores = person()
    source = write(writer(points, scores), tmp_path)
    kind = recognize(source)
    assert kind.name == READ_AS[tool]
    check_reader(kind(source, rate=RATE, img_shape=SHAPE), tmp_path / 'dst')
    pose = load_pose(source, VIDEO)
    wanted, wanted_scores = as_layout(layout, points, scores)
    if tool == 'trc':  # which has no eyes and ears, and no scores
        columns = [
            i
            for i, name in enumerate(get_layout(layout))
            if not name.endswith(('eye', 'ear', 'head', 'toe', 'heel'))
        ]
        wanted_scores[:, [i for i in range(25) if i not in columns]] = 0
        wanted_scores = (wanted_scores > 0).astype(float)
    assert pose.layout == layout
    assert pose.img_shape == SHAPE
    assert pose.clock.rate == pytest.approx(RATE)
    assert pose.clock.num_samples == len(points)
    seen = wanted_scores > 0
    atol = 2e-3 if 'logit' in tool else 1e-3
    np.testing.assert_allclose(pose.scores, wanted_scores, atol=atol)
    np.testing.assert_allclose(pose.keypoints[seen], wanted[seen], atol=0.01)
    assert not pose.keypoints[~seen].any()
    everybody = load_people(source, VIDEO)
    (other,) = everybody.values()
    np.testing.assert_array_equal(other.keypoints, pose.keypoints)


@pytest.mark.parametrize(
    ('tool', 'note'),
    [
        ('mediapipe_wide_logits', 'a logit; scores are its sigmoid'),
        ('mediapipe_logits', 'a logit; scores are its sigmoid'),
        ('mediapipe_wide', 'shares of the image'),
        ('ultralytics_labels', 'shares of the image'),
        ('ultralytics', 'identities of the file are used: 1 person'),
        ('trc', 'no columns of right_eye'),
        ('mediapipe_numbered', '33 keypoints have no names.*mediapipe33'),
    ],
)
def test_what_is_assumed_is_noted(tool, note, tmp_path):
    source = write(TOOLS[tool][0](*person()), tmp_path)
    notes = load_pose(source, VIDEO).notes
    (found,) = [
        n for n in notes if n.startswith(str(source)) and re.search(note, n)
    ]
    assert found


def test_pixels_of_mediapipe_are_left_alone(tmp_path):
    points, scores = person()
    files = mediapipe_wide(points * SHAPE[::-1], scores)  # shares become px
    pose = load_pose(write(files, tmp_path), VIDEO)
    assert not any('shares' in note for note in pose.notes)
    np.testing.assert_allclose(pose.keypoints[5, 0], points[5, 0], atol=0.01)


def test_zeros_with_a_score_are_missing_and_counted(tmp_path):
    points, scores = person()
    scores[:] = 1.0
    files = alphapose(points, scores)
    pose = load_pose(write(files, tmp_path), VIDEO)
    assert pose.scores[MISSING] == 0
    assert (pose.scores > 0).sum() == scores.size - 1
    assert any('1 keypoint is at (0, 0) or NaN' in n for n in pose.notes)


def test_missing_frames_of_openpose_are_gaps(tmp_path):
    points, scores = person()
    files = openpose(points, scores)
    del files['json/walk_000000000000_keypoints.json']
    del files['json/walk_000000000020_keypoints.json']
    pose = load_pose(write(files, tmp_path), VIDEO)
    seen = pose.scores.max(axis=1) > 0
    assert np.flatnonzero(~seen).tolist() == [0, 20]
    wanted = as_layout('openpose_body25', points, scores)[0]
    np.testing.assert_allclose(pose.keypoints[21, 0], wanted[21, 0], atol=0.01)
    assert any('2 of 60 frames have no file' in note for note in pose.notes)


def test_folders_of_openpose_that_are_refused(tmp_path):
    points, scores = person(5)
    write(openpose(points, scores), tmp_path)
    other = tmp_path / 'json/run_000000000000_keypoints.json'
    other.write_text('{"people": []}')
    with pytest.raises(ValueError, match=r"2 videos: 'run' \(1\), 'walk' \(5"):
        load_pose(tmp_path / 'json', VIDEO)
    other.rename(tmp_path / 'json/walk_keypoints.json')
    with pytest.raises(ValueError, match='no number of a frame in its name'):
        load_pose(tmp_path / 'json', VIDEO)
    (tmp_path / 'another').mkdir()
    with pytest.raises(ValueError, match='without files of a known pose tool'):
        load_pose(tmp_path / 'another', VIDEO)
    with pytest.raises(FileNotFoundError, match='no such file'):
        load_pose(tmp_path / 'nothing', VIDEO)


def test_openpose_without_the_body_says_so(tmp_path):
    """It was told to run again, as if nobody had been there."""
    person = {'pose_keypoints_2d': [], 'hand_left_keypoints_2d': [2.0] * 63}
    for frame in range(3):
        name = f'a_{frame:012d}_keypoints.json'
        (tmp_path / name).write_text(json.dumps({'people': [person]}))
    with pytest.raises(ValueError, match='pose_keypoints_2d.*only others'):
        load_pose(tmp_path, VIDEO)


def test_a_single_frame_of_openpose_names_its_folder(tmp_path):
    folder = write(openpose(*person(5)), tmp_path)
    one = folder / 'walk_000000000000_keypoints.json'
    with pytest.raises(ValueError, match=f'single frame.*folder.*{folder}'):
        load_pose(one, VIDEO)


def two_people(shift=0.0):
    """Two who cross in the image, and their identities in the file."""
    first, scores = person()
    second, _ = person(seed=1)
    walk = np.linspace(-300, 300, len(first))[:, None, None]
    return first + walk * (1, 0), second - walk * (1, 0), scores


def test_identities_of_the_file_go_before_ours(tmp_path):
    first, second, scores = two_people()
    entries = []
    for name, points in ((7, first), (3, second)):
        content = alphapose(points, scores, idx=name)
        entries += json.loads(next(iter(content.values())))
    path = tmp_path / 'two.json'
    path.write_text(json.dumps(entries))
    people = load_people(path, VIDEO)
    assert sorted(people) == ['person 3', 'person 7']
    np.testing.assert_allclose(
        people['person 7'].keypoints[:, 5], first[:, 5], atol=0.01
    )
    assert 'identities of the file are used: 2 people' in ' '.join(
        people['person 3'].notes
    )
    pose = to_pose(
        {'file': path, 'rate': RATE, 'img_shape': SHAPE, 'person': 3}
    )
    np.testing.assert_allclose(pose.keypoints[:, 5], second[:, 5], atol=0.01)


@pytest.mark.parametrize('key', ['personId', 'tracking_id', 'track_ids'])
def test_identities_by_any_name(key, tmp_path):
    """They were left alone, and people numbered anew."""
    points, scores = person()
    frames = []
    for frame, (xy, s) in enumerate(zip(points, scores)):
        pair = [('4', np.c_[xy, s]), ('9', np.c_[np.add(xy, (300, 0)), s])]
        pair = pair[:: 1 - frame % 2 * 2]
        rows = [rows.tolist() for _, rows in pair]
        people = [
            {key: who, 'keypoints': r} for (who, _), r in zip(pair, rows)
        ]
        if key == 'track_ids':
            people = {key: [int(who) for who, _ in pair], 'keypoints': rows}
        frames.append({'frame': frame, 'people': people})
    (tmp_path / 'a.json').write_text(json.dumps(frames))
    people = load_people(tmp_path / 'a.json', VIDEO)
    assert [*people] == ['person 4', 'person 9']
    got = people['person 4'].keypoints[:, 0]
    np.testing.assert_allclose(got, points[:, 0], atol=1e-3)


def test_identities_that_tell_nobody_apart_are_not_used(tmp_path):
    points, scores = person()
    entries = []
    for place in (points, points + np.array([400, 0])):
        content = alphapose(place, scores, idx=0)  # AlphaPose without tracker
        entries += json.loads(next(iter(content.values())))
    path = tmp_path / 'two.json'
    path.write_text(json.dumps(entries))
    people = load_people(path, VIDEO)
    assert sorted(people) == ['person 0', 'person 1']
    assert 'same identity' in ' '.join(people['person 0'].notes)


def test_individuals_of_deeplabcut(tmp_path):
    points, scores = person()
    files = deeplabcut(points, scores, people=['a', 'b'])
    people = load_people(write(files, tmp_path), VIDEO)
    wanted = points[5, 5] + 200
    np.testing.assert_allclose(
        people['person 1'].keypoints[5, 5], wanted, atol=0.01
    )


@pytest.mark.parametrize('rows', [1, 2, 3])
def test_names_in_two_rows(rows, tmp_path):
    """Of pandas, with the name of the index below, or without the scorer."""
    points, scores = person()
    names = [cell for name in get_layout('coco') for cell in (name, '', '')]
    table = [['', *names], ['', *['x', 'y', 'score'] * 17]]
    if rows == 1:
        table[0] = ['bodyparts', *np.repeat(get_layout('coco'), 3)]
        table[1] = ['coords', *['x', 'y', 'likelihood'] * 17]
    table += [['frame', *[''] * 51]] if rows == 3 else []
    table += [
        [i, *np.c_[xy, s].ravel()]
        for i, (xy, s) in enumerate(zip(points, scores))
    ]
    path = tmp_path / 'a.csv'
    path.write_text('\n'.join(','.join(map(str, row)) for row in table))
    pose = load_pose(path, VIDEO)
    np.testing.assert_allclose(pose.keypoints[5], points[5], atol=1e-3)
    np.testing.assert_allclose(pose.scores[5], scores[5], atol=1e-3)


def test_hdf5_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / 'walkDLC.h5'
    path.write_bytes(b'\x89HDF\r\n\x1a\n' + bytes(100))
    with pytest.raises(ValueError, match='is HDF5.*Export it as CSV'):
        load_pose(path, VIDEO)


@pytest.mark.parametrize('unit', ['m', 'mm'])
def test_metres_are_drawn_from_the_side(unit, tmp_path):
    points, scores = person()
    source = write(trc(points, scores, unit), tmp_path)
    pose = load_pose(source)
    wanted, _ = as_layout(BODY25, points, scores)
    index = get_layout(BODY25).index('left_elbow')
    shift = pose.keypoints[:, index] - 2 * wanted[:, index]  # 400 px per m
    assert np.ptp(shift, axis=0).max() < 0.51  # a pickle of half floats
    wrist = get_layout(BODY25).index('left_wrist')
    assert pose.scores[10, wrist] == 0
    height, width = pose.img_shape
    shown = pose.keypoints[pose.scores > 0]
    assert (shown >= 0).all() and (shown <= (width, height)).all()
    assert 'drawn from the side' in pose.notes[0]


SPACE = {
    'NOSE': 'nose',
    'LSHO': 'left_shoulder',
    'RSHO': 'right_shoulder',
    'LELB': 'left_elbow',
    'RELB': 'right_elbow',
    'LWRA': 'left_wrist',
    'RWRA': 'right_wrist',
    'LASI': 'left_hip',
    'RASI': 'right_hip',
    'LKNE': 'left_knee',
    'RKNE': 'right_knee',
    'LANK': 'left_ankle',
    'RANK': 'right_ankle',
}
BONES = {
    **{f'{s[0].upper()}Shoulder': f'{s}_ear' for s in SIDES},  # the clavicle
    **{f'{s[0].upper()}UArm': f'{s}_shoulder' for s in SIDES},
    **{f'{s[0].upper()}FArm': f'{s}_elbow' for s in SIDES},
    **{f'{s[0].upper()}Hand': f'{s}_wrist' for s in SIDES},
    **{f'{s[0].upper()}Thigh': f'{s}_hip' for s in SIDES},
    **{f'{s[0].upper()}Shin': f'{s}_knee' for s in SIDES},
    **{f'{s[0].upper()}Foot': f'{s}_ankle' for s in SIDES},
}


def markers(names=SPACE, unit=5.0, up=2):
    """Markers (T, N, 3) of the person, NaN where they are not seen."""
    points, scores = person()
    coco = [get_layout('coco').index(joint) for joint in names.values()]
    flat = np.where(scores[..., None] > 0, points, np.nan)[:, coco]
    flat = (flat - (0, SHAPE[0])) * (unit, -unit)
    return np.insert(flat, 3 - up, 0.0, axis=2), [*names]


def people_of_markers(path, names=SPACE, people=1, scale=2.0):
    """The people, each as wide as it is from the first."""
    found = [*load_people(path).values()]
    assert len(found) == people
    points, scores = person()
    for who, pose in enumerate(found):
        for joint in set(names.values()) - {'left_ear', 'right_ear'}:
            index = get_layout(pose.layout).index(joint)
            coco = get_layout('coco').index(joint)
            seen = scores[:, coco] > 0
            assert ((pose.scores[:, index] > 0) == seen).all()
            got = pose.keypoints[seen, index] - [400 * who, 0]
            wanted = scale * points[seen, coco]
            shift = got - wanted
            assert np.ptp(shift, axis=0).max() < 0.1, joint
    np.testing.assert_allclose(found[0].clock.rate, RATE)
    return found


@pytest.mark.parametrize('how', [{}, {'mark': ';', 'decimal': ','}])
def test_trajectories_of_vicon(how, tmp_path):
    space, names = markers()
    two = np.concatenate([space, space + np.array([1000, 0, 0])], axis=1)
    subjects = [f'{who}:{name}' for who in ('Anna', 'Bob') for name in names]
    before = [['Devices'], ['300'], ['', '', 'Force'], ['Frame', 'Sub Frame']]
    before += [['', '', 'N'], ['1', '0', '2.5'], ['']]
    path = tmp_path / 'walk.csv'
    path.write_text(vicon(two, subjects, 31, before=before, **how))
    pose = people_of_markers(path, people=2)[0]
    assert pose.clock.span[0] == 1.0
    for told in ('begins with frame 31', 'markers of Plug-in Gait'):
        assert any(told in note for note in pose.notes)
    path.write_text(vicon(space, [f'M{i}' for i in range(len(names))]))
    with pytest.raises(ValueError, match="'M0'.*keypoint_names"):
        load_pose(path)
    path.write_text(path.read_text().replace('Trajectories', 'Joints'))
    with pytest.raises(ValueError, match='no section Trajectories'):
        load_pose(path)


@pytest.mark.parametrize('tool', MARKERS)
def test_markers_that_end_early(tool, tmp_path):
    """Of a row that is cut, the last number may be another."""
    path = tmp_path / 'walk.csv'
    text = MARKERS[tool](*markers())
    row = text.index('\n', len(text) // 2)
    path.write_text(text[: row - 30])
    pose = load_pose(path)
    assert any('its last row is cut' in note for note in pose.notes)
    for end in range(20, 200, 31):  # in the header
        path.write_text(text[:end])
        with pytest.raises(ValueError, match=r'walk\.csv'):
            load_pose(path)


def test_marker_tables_that_do_not_fit_their_header(tmp_path):
    """Places were read in the wrong columns, or as acceleration."""
    path = tmp_path / 'walk.csv'
    path.write_text(vicon(*markers(), decimal=','))
    with pytest.raises(ValueError, match=r'row 6 has \d+ cells under \d+'):
        load_pose(path)
    path.write_text(vicon(*markers()).replace('\n9,0,', '\n9,0,x'))
    facts = inspect_path(path)
    assert 'row 14 has something else' in facts['problem']
    assert not facts['sensors']
    text = motive(*markers(SPACE, up=1), 'Marker')
    path.write_text(re.sub('(,Marker)+', ',Marker', text))
    with pytest.raises(ValueError, match=r'walk\.csv: its keypoints'):
        load_pose(path)
    # Bytes of no text among the numbers; markers that are all called alike.
    text = vicon(*markers())
    path.write_bytes(text.replace('\n9,0,', '\n9,0,\xe9').encode('cp1252'))
    with pytest.raises(ValueError, match='row 14 has something else'):
        load_pose(path)
    space, _ = markers()
    path.write_text(qualisys(space[:, :2], ['LSHO', 'LSHO']))
    with pytest.raises(ValueError, match='no marker whose name is its own'):
        load_pose(path)


@pytest.mark.parametrize('columns', [True, False])
def test_markers_of_qualisys(columns, tmp_path):
    path = tmp_path / 'walk.tsv'
    path.write_text(qualisys(*markers(), columns=columns))
    people_of_markers(path)
    path.write_text(qualisys(*markers(), kind='6D'))
    with pytest.raises(ValueError, match='6D data'):
        load_pose(path)


def test_markers_that_only_a_mapping_names(tmp_path):
    """z is upwards, too, where names do not tell the head from the feet."""
    space, names = markers()
    numbered = [f'm{i}' for i in range(len(names))]
    path = tmp_path / 'walk.tsv'
    path.write_text(qualisys(space, numbered))
    joints = dict(zip(SPACE.values(), numbered))
    arm = {n: m for n, m in joints.items() if 'left' in n and 'hip' not in n}
    for aliases in (joints, arm):
        keys = {'format': 'qualisys', 'layout': 'coco'}
        pose = load_pose(path, mapping={**keys, 'keypoint_names': aliases})
        assert any('z upwards' in note for note in pose.notes)
    with pytest.raises(ValueError, match="has no marker 'm99'"):
        keys['keypoint_names'] = {'left_wrist': 'm99'}
        load_pose(path, mapping=keys)


@pytest.mark.parametrize(
    ('names', 'kind'), [(BONES, 'Bone'), (SPACE, 'Marker')]
)
def test_bones_and_markers_of_motive(names, kind, tmp_path):
    """LShoulder is the bone from the neck to the shoulder."""
    path = tmp_path / 'walk.csv'
    space, some = markers(names, up=1)
    path.write_text(motive(space, [f'A:{name}' for name in some], kind))
    people_of_markers(path, names)
    path.write_text(motive(space, some, kind, space='Local'))
    if kind == 'Bone':
        with pytest.raises(ValueError, match='coordinate space Global'):
            load_pose(path)


@pytest.mark.parametrize(('said', 'true'), [('mm', 'm'), ('m', 'mm')])
def test_a_unit_that_no_body_has(said, true, tmp_path):
    """The person was drawn a pixel tall, or far too large."""
    points, scores = person()
    path = write(trc(points, scores, true), tmp_path)
    text = path.read_text().replace(f'\t{true}\t', f'\t{said}\t')
    path.write_text(text)
    pose = load_pose(path)
    assert any(f'its unit is {said}' in note for note in pose.notes)
    index = get_layout(BODY25).index('left_elbow')
    wanted, _ = as_layout(BODY25, points, scores)
    shift = pose.keypoints[:, index] - 2 * wanted[:, index]
    assert np.ptp(shift, axis=0).max() < 0.51


def test_two_subjects_of_c3d(tmp_path):
    """All names were there twice, and nobody was read."""
    pytest.importorskip('c3d')
    space, names = markers()
    two = np.concatenate([space, space + np.array([1000, 0, 0])], axis=1)
    subjects = [f'{who}:{name}' for who in ('A', 'B') for name in names]
    (tmp_path / 'a.c3d').write_bytes(c3d(two, subjects))
    people_of_markers(tmp_path / 'a.c3d', people=2)


def test_a_filler_in_metres_is_missing(tmp_path):
    """(0, 0) in pixels, which a tool turned into metres."""
    points, scores = person()
    points[20:24, [7, 8]] = 0  # the elbows
    scores[20:24, [7, 8]] = 1
    scores[MISSING] = 1
    pose = load_pose(write(trc(points, scores, 'm'), tmp_path))
    elbows = [get_layout(BODY25).index(f'{s}_elbow') for s in SIDES]
    assert not pose.scores[20:24, elbows].any()
    assert pose.scores[24, elbows].all()
    assert any('9 points are all at (0, 3.6)' in n for n in pose.notes)


def test_pixels_that_count_upwards_are_turned(tmp_path):
    points, scores = person()
    seen = scores > 0
    upwards = points.copy()
    upwards[..., 1] = np.where(seen, SHAPE[0] - points[..., 1], 0)
    source = write(trc(upwards, scores), tmp_path)
    pose = load_pose(source, VIDEO)
    np.testing.assert_allclose(pose.keypoints[5, 0], points[5, 0], atol=0.01)
    with pytest.raises(ValueError, match='upwards.*--img-shape'):
        load_pose(source)


def test_times_of_the_file_are_its_clock(tmp_path):
    points, scores = person()
    pose = load_pose(
        write(trc(points, scores, start=5.0), tmp_path), Video(img_shape=SHAPE)
    )
    assert pose.clock.rate == RATE
    assert pose.clock.span[0] == 5.0
    # Frames without a person have no row.
    times = np.arange(60) / RATE
    kept = [*range(20), *range(30, 60)]
    files = mediapipe_wide(points[kept], scores[kept], times=times[kept])
    source = write(files, tmp_path)
    pose = load_pose(source, Video(img_shape=SHAPE))
    np.testing.assert_allclose(pose.clock.at(), times[kept], atol=1e-3)
    pose = load_pose(source, VIDEO)
    assert pose.clock.num_samples == 60
    np.testing.assert_allclose(pose.keypoints[30, 0], points[30, 0], atol=0.01)
    assert not pose.scores[20:30].any()
    pose = load_pose(source, Video(rate=23.0, img_shape=SHAPE))
    assert pose.clock.num_samples == 50
    assert 'do not fit 23 frames per second' in pose.notes[0]


def test_labels_of_ultralytics_count_from_one(tmp_path):
    points, scores = person()
    files = ultralytics_labels(points, scores)
    del files['labels/take_1.txt']
    pose = load_pose(write(files, tmp_path), VIDEO)
    assert not pose.scores[0].any()
    np.testing.assert_allclose(pose.keypoints[1, 0], points[1, 0], atol=0.01)


def test_a_guess_that_is_no_body_is_refused(tmp_path):
    """33 keypoints that are COCO's 17, filled up."""
    points, scores = person()
    filled = np.concatenate([points, np.repeat(points[:, 9:10], 16, 1)], 1)
    filled_scores = np.pad(scores, ((0, 0), (0, 16)), constant_values=0.3)
    frames = [
        {
            'frame_id': i,
            'instances': [
                {'keypoints': p.tolist(), 'keypoint_scores': s.tolist()}
            ],
        }
        for i, (p, s) in enumerate(zip(filled, filled_scores))
    ]
    path = tmp_path / 'k33.json'
    path.write_text(json.dumps(frames))
    with pytest.raises(ValueError, match='33 keypoints are not.*mediapipe33'):
        load_pose(path, VIDEO)


def test_a_json_of_nothing_known_says_so(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text('[{"image_id": 0, "keypoints": [1, 2, 3, 4]}]')
    with pytest.raises(ValueError, match='4 numbers of keypoints'):
        load_pose(path, VIDEO)
    path.write_text('[{"image_id": "a.jpg", "keypoints": []}]')
    with pytest.raises(ValueError, match=r"item 0.*'a.jpg'.*number"):
        load_pose(path, VIDEO)
    path = tmp_path / 'a.csv'
    path.write_text('a,b,c,d,e\n1,2,3,4,5\n')
    with pytest.raises(ValueError, match='--pose-mapping'):
        load_pose(path, VIDEO)


def test_a_pickle_of_several_videos_needs_a_name(tmp_path):
    (content,) = mmaction(*person(), 'list').values()
    entry = pickle.loads(content)[0]
    path = tmp_path / 'all.pkl'
    path.write_bytes(pickle.dumps([entry, {**entry, 'frame_dir': 'run'}]))
    with pytest.raises(ValueError, match='several videos.*walk, run'):
        load_pose(path, Video(rate=30.0))
    pose = load_pose(path, Video(rate=30.0), mapping={'name': 'run'})
    assert pose.clock.num_samples == 60


def test_nan_in_a_pickle_is_missing(tmp_path):
    points, scores = person()
    points[3, 4] = np.nan
    scores[MISSING] = 1.0
    path = write(mmaction(points, scores), tmp_path)
    pose = load_pose(path, Video(rate=30.0))
    assert pose.scores[3, 4] == 0 and pose.scores[MISSING] == 0
    assert any('2 keypoints are at (0, 0) or NaN' in n for n in pose.notes)


@pytest.mark.parametrize(
    ('names', 'expected'),
    [
        (
            'RShoulder right_shoulder shoulder_r Right-Shoulder',
            'right_shoulder',
        ),
        ('LBigToe left_big_toe', 'left_big_toe'),
        ('LEFT_FOOT_INDEX left foot index', None),
        ('Hip CHip MidHip mid_hip', 'hip'),
        ('tail accX left_paw', None),
    ],
)
def test_names_of_keypoints(names, expected):
    for name in names.split():
        if expected:
            assert keypoint_name(name) == expected, name
    assert keypoint_name('tail') is None
    assert keypoint_name('right_wrist_acc') is None
    assert keypoint_name('LEFT_FOOT_INDEX') == 'left_foot_index'


@pytest.mark.parametrize(
    ('layout', 'size', 'wrist', 'foot'),
    [
        ('openpose_body25', 25, [5, 6, 7], [13, 14, 19]),
        ('openpose_coco18', 18, [5, 6, 7], [11, 12, 13]),
        ('mediapipe33', 33, [11, 13, 15], [25, 27, 31]),
        ('halpe136', 136, [5, 7, 9], [13, 15, 20]),
    ],
)
def test_layouts_of_the_tools(layout, size, wrist, foot):
    names = get_layout(layout)
    assert len(names) == len({*names}) == size
    assert limb_indices(layout, ['left_wrist', 'left_foot']) == [wrist, foot]
    assert 'head' in layout_limbs(layout)
    assert get_layout('halpe136')[:26] == LAYOUTS['halpe26']
    assert layout_name('BODY_25') == 'openpose_body25'
    assert layout_name('blazepose') == 'mediapipe33'


# Files beside the checkout.


def cases(name):
    return shared_path(f'cases/{name}')


@pytest.mark.parametrize(
    ('name', 'layout', 'frames'),
    [
        ('20_openpose_body25/json', 'openpose_body25', 30),
        ('20_openpose_body25/merged.json', 'openpose_body25', 1260),
        ('21_alphapose/alphapose-results.json', 'coco', 90),
        ('21_alphapose/coco_results.json', 'coco', 90),
        ('22_yolo_pose/yolo_results.json', 'coco', 90),
        ('22_yolo_pose/mmpose0x.json', 'coco', 90),
        ('23_mediapipe/wide.csv', 'mediapipe33', 299),
        ('23_mediapipe/wide_logits.csv', 'mediapipe33', 299),
        ('23_mediapipe/long.csv', 'mediapipe33', 10),
        ('24_trc/walk_px_person00.trc', 'halpe26', 194),
        ('32_mmaction_pickles/single_dict.pkl', 'coco', 1260),
        ('34_zero_for_missing/rand3.csv', 'coco', 1260),
    ],
)
def test_cases_are_the_person_of_their_readme(name, layout, frames):
    """All are the person of ``_shared/pose.json``, filmed at 30 fps."""
    video = Video(rate=30.0, img_shape=(1080, 1920))
    truth = load_pose(cases('_shared/pose.json'), video)
    pose = load_pose(cases(name), video)
    assert (pose.layout, pose.clock.num_samples) == (layout, frames)
    for joint in ('right_wrist', 'left_knee'):
        mine = get_layout(layout).index(joint)
        index = get_layout('coco').index(joint)
        if name.endswith(('.csv', '.json')) and frames == 299:
            at = np.round(pose.clock.at() * 30).astype(int)
        else:
            at = np.arange(frames)
        seen = (pose.scores[:, mine] > 0) & (truth.scores[at, index] > 0)
        assert seen.mean() > 0.8
        apart = pose.keypoints[seen, mine] - truth.keypoints[at][seen, index]
        assert np.abs(apart).max() < 0.51  # a pickle of half floats


def test_three_people_of_openpose():
    source = shared_path('data/video/openpose_three_people')
    people = to_people(
        {
            'file': source,
            'rate': 30.0,
            'img_shape': (720, 1280),
            'min_sec': 2.0,
        }
    )
    assert len(people) == 3
    for pose in people.values():
        assert pose.layout == 'openpose_body25'
        assert (pose.scores.max(axis=1) > 0).mean() > 0.5
    assert Path(source).is_dir()

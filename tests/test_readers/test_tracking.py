import itertools

import numpy as np
import pytest
from raw_mmpose import Seen, as_detections, box_iou, simulate_crowd

from mobind_mm.readers.people import all_people
from mobind_mm.readers.pose_video import Video
from mobind_mm.readers.track_runs import (
    SAME_PERSON,
    keypoint_offsets,
    overlaps,
    similarities,
)
from mobind_mm.readers.tracking import assign, choose_person, track_people

RATE = 30
HEIGHT = 200.0


def standing(x, person=0, height=HEIGHT, score=0.8, noise=None):
    """Somebody with the feet at (x, 500), 17 points in a box."""
    shape = np.random.default_rng(7).uniform((-0.2, -1), (0.2, 0), (17, 2))
    points = np.array([x, 500.0]) + height * shape
    if noise is not None:
        points = points + noise.normal(0, 0.01 * height, (17, 2))
    box = np.array([x - 0.2 * height, 500 - height, x + 0.2 * height, 500])
    return Seen(person, points, np.full(17, score), box)


def track(frames, max_gap=RATE):
    """For each true person the ids that its instances got; -1 for none."""
    detections, truth = as_detections(frames)
    ids = np.full(len(truth), -1)
    for number, found in enumerate(track_people(detections, max_gap)):
        assert found.id == number
        assert (np.diff(detections.frames[found.instances]) > 0).all()
        assert (ids[found.instances] == -1).all()
        ids[found.instances] = found.id
    return [ids[truth == person].tolist() for person in range(max(truth) + 1)]


@pytest.mark.parametrize('hidden', [0, 6, 12, 20])
@pytest.mark.parametrize('speed', [2.0, 6.0])
@pytest.mark.parametrize('seed', [0, 1])
def test_two_who_cross_keep_their_ids(hidden, speed, seed):
    """Same shape and size; one is hidden for some frames at the crossing."""
    rng = np.random.default_rng(seed)
    frames = []
    for i in range(101):
        walked = speed * (i - 50)
        both = [
            standing(700 + walked, 0, noise=rng),
            standing(705 - walked, 1, noise=rng),
        ]
        if abs(i - 50) < hidden / 2:
            both.pop(1)
        if rng.random() < 0.5:
            both.reverse()
        frames.append(both)
    first, second = track(frames)
    # Around the crossing nothing tells twins from each other: they may be
    # one person for some frames, and change their ids before they part.
    assert first.count(-1) + second.count(-1) <= 10
    shown = [i for i in range(101) if abs(i - 50) >= hidden / 2]
    ids = [
        {i for frame, i in pairs if i >= 0 and abs(frame - 50) > 3}
        for pairs in (enumerate(first), zip(shown, second))
    ]
    assert sorted(map(sorted, ids)) == [[0], [1]]


@pytest.mark.parametrize(
    ('away', 'max_gap', 'parts'),
    [(60, 75, 1), (60, 60, 1), (60, 59, 2), (60, 30, 2), (0, 0, 1), (1, 0, 2)],
)
def test_who_comes_back_in_time_is_the_same(away, max_gap, parts):
    """Away for 2 s: bridged at 2.5 s, somebody else at 1 s."""
    frames = [
        [] if 40 <= i < 40 + away else [standing(600 + 0.5 * i)]
        for i in range(140)
    ]
    (ids,) = track(frames, max_gap)
    assert set(ids) == set(range(parts))
    assert ids.count(0) == (140 if parts == 1 else 40 + away) - away


def test_far_off_is_somebody_else():
    frames = [[standing(300)]] * 10 + [[]] * 5 + [[standing(1200)]] * 10
    assert track(frames) == [[0] * 10 + [1] * 10]
    # As is who has another size.
    frames = [[standing(300)]] * 10 + [[standing(300, height=70)]] * 10
    assert track(frames) == [[0] * 10 + [1] * 10]


def test_ids_are_numbered_by_first_appearance():
    people = {0: range(30, 90), 1: range(0, 60), 2: range(10, 90)}
    frames = [
        [standing(300 * k + 200, k) for k, when in people.items() if i in when]
        for i in range(90)
    ]
    assert track(frames) == [[2] * 60, [0] * 60, [1] * 80]


def test_a_person_seen_twice_is_one():
    rng = np.random.default_rng(3)
    frames = []
    for _ in range(50):
        one = standing(500, 0, noise=rng)
        again = standing(500, 1, score=0.7, noise=rng)
        again.scores[13:] = 0.1  # from a box of the upper body
        again.box[3] -= 0.4 * HEIGHT
        frames.append([again, one, standing(800, 2, noise=rng)])
    assert track(frames) == [[0] * 50, [-1] * 50, [1] * 50]


def test_side_by_side_are_two():
    """A third of a width apart, in nearly the same pose."""
    rng = np.random.default_rng(4)
    frames = [
        [standing(500, 0, noise=rng), standing(500 + 0.25 * HEIGHT, 1)]
        for _ in range(50)
    ]
    assert track(frames) == [[0] * 50, [1] * 50]


def test_no_common_keypoint_goes_by_the_box():
    upper, lower = standing(500), standing(503)
    upper.scores[8:], lower.scores[:8] = 0, 0
    assert track([[upper], [lower], [upper]]) == [[0, 0, 0]]


def test_nobody():
    detections, _ = as_detections([[], []])
    assert track_people(detections, 5) == []
    with pytest.raises(ValueError, match='nobody was detected'):
        choose_person([], detections, 'longest')
    with pytest.raises(ValueError, match=r'max_gap must be >= 0 .* got -1'):
        track_people(detections, -1)


@pytest.mark.parametrize(
    ('rule', 'expected'), [('longest', 0), ('largest', 1), (2, 2), (0, 0)]
)
def test_choose(rule, expected):
    frames = [
        [
            standing(200, 0),
            *([standing(600, 1, height=500)] if i < 60 else []),
            *([standing(1200, 2, height=900)] if i < 20 else []),
            *([standing(1600, 3)] if i >= 10 else []),
        ]
        for i in range(100)
    ]
    detections, _ = as_detections(frames)
    tracks = track_people(detections, RATE)
    assert [len(t.instances) for t in tracks] == [100, 60, 20, 90]
    assert choose_person(tracks, detections, rule).id == expected


def test_what_flashes_up_takes_no_number():
    """Whoever is alone in a video is person 0, whatever came before."""
    flashes = [[standing(100 + 400 * (i % 4), i)] for i in range(0, 20, 5)]
    frames = [[]] * 9 + [f for flash in flashes for f in (flash, [], [])]
    frames += [[standing(900, 0)]] * 3 * RATE
    video = Video(rate=RATE, img_shape=(1080, 1920), max_gap_sec=0.05)
    people = all_people(as_detections(frames)[0], video, 0.0)
    assert len(people) > 1
    assert (people[0].scores[:, 0] > 0).sum() == 3 * RATE


def test_unknown_choices_name_the_ids():
    detections, _ = as_detections(
        [[standing(150 * k, k, height=100) for k in range(1, 13)]] * 3
    )
    tracks = track_people(detections, RATE)
    message = r"'tall' is none of longest, largest, .* 0 \(3 frames\), 1 \(3"
    with pytest.raises(ValueError, match=message + '.* and more'):
        choose_person(tracks, detections, 'tall')
    with pytest.raises(ValueError, match=r'person 12 is none of .* ids 0'):
        choose_person(tracks, detections, 12)


def test_order_within_a_frame_changes_only_numbers():
    frames = simulate_crowd(11, 3, 5.0)
    turned = [seen[::-1] for seen in frames]
    partitions = []
    for order, step in ((frames, 1), (turned, -1)):
        detections, _ = as_detections(order)
        names = [
            (i, k)
            for i, seen in enumerate(order)
            for k in range(len(seen))[::step]
        ]
        partitions.append(
            {
                frozenset(names[row] for row in found.instances)
                for found in track_people(detections, RATE)
            }
        )
    assert partitions[0] == partitions[1]


def changes_of_identity(scenes, seconds, max_gap):
    """Changes a minute and person, those into another one's track, share
    of the instances in the longest track of their person."""
    changes = swaps = kept = total = people = 0
    for seed in range(scenes):
        frames = simulate_crowd(100 + seed, 2 + seed % 3, seconds)
        detections, truth = as_detections(frames)
        ids = np.full(len(truth), -1)
        owner = {}
        for found in track_people(detections, max_gap):
            ids[found.instances] = found.id
            votes = np.bincount(truth[found.instances] + 1)
            owner[found.id] = votes.argmax() - 1
        for person in range(truth.max() + 1):
            mine = ids[(truth == person) & (ids >= 0)]
            new = mine[1:][np.diff(mine) != 0]
            changes += len(new)
            swaps += sum(owner[number] != person for number in new)
            kept += np.bincount(mine).max()
            total += len(mine)
            people += 1
    minutes = people * seconds / 60
    return changes / minutes, swaps / minutes, kept / total


@pytest.mark.parametrize(
    ('scenes', 'seconds'),
    [(6, 10), pytest.param(20, 30, marks=pytest.mark.slow)],
)
def test_identities_in_crowds(scenes, seconds):
    """2 to 4 people walk to and fro and hide each other.

    Measured over 20 scenes of 30 s: LONG changes a minute and person, SWAPS
    of them to a track of somebody else, KEPT in the longest track.
    """
    changes, swaps, kept = changes_of_identity(scenes, seconds, 2 * RATE)
    print(f'{changes=:.3f} {swaps=:.3f} {kept=:.3f}')
    assert changes < 1.0 and swaps < 0.4 and kept > 0.9


def test_overlaps():
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 10, (9, 2))
    boxes = np.hstack([low, low + rng.uniform(0, 8, (9, 2))])
    found = overlaps(boxes[:4], boxes[4:])
    assert (found == 0).any() and (found > 0.1).any()
    for i, j in np.ndindex(found.shape):
        expected = box_iou(boxes[i], boxes[4 + j])
        assert found[i, j] == pytest.approx(expected, abs=1e-12)
    point = np.array([[1.0, 1.0, 1.0, 1.0]])
    assert overlaps(point, point) == 0  # no area, no NaN


def test_offset_and_what_it_leaves():
    """Moved by (30, 40); then two of four points 6 px up and down."""
    points = np.array([[0.0, 0], [10, 0], [0, 10], [10, 10]])
    moved = points + np.array([30, 40])
    moved[2, 1] += 6
    moved[3, 1] -= 6
    scores, box = np.ones((1, 4)), np.array([[0.0, 0, 10, 10]])
    first = (points[None], scores, box)
    offset, left = keypoint_offsets(first, (moved[None], scores, box))
    assert offset[0, 0] == pytest.approx((30, 40))
    assert left[0, 0] == pytest.approx(3)
    # A point counts by its scores: without the last two nothing is left.
    trusted = np.array([[1.0, 0.5, 0, 0]])
    offset, left = keypoint_offsets(first, (moved[None], trusted, box))
    assert offset[0, 0] == pytest.approx((30, 40))
    assert left[0, 0] == pytest.approx(0)
    other = np.array([[2.0, 0, 12, 30]])
    offset, left = keypoint_offsets(first, (moved[None], 0 * scores, other))
    assert offset[0, 0] == pytest.approx((2, 10)) and left[0, 0] == 0


def test_similarity():
    points = np.zeros((3, 4, 2))
    points[1] += (0, 100 * SAME_PERSON)
    points[2, :2] += 1e6
    boxes = np.tile([0.0, 0, 60, 80], (3, 1))  # diagonal 100
    scores = np.ones((3, 4))
    scores[2, 2:] = 0.5
    found = similarities(points, scores, boxes)
    assert np.diag(found) == pytest.approx(1)
    assert found[0, 1] == found[1, 0] == pytest.approx(np.exp(-0.5))
    assert found[0, 2] == pytest.approx(1 / 3)


@pytest.mark.parametrize('seed', range(8))
def test_assignment_is_the_cheapest(seed):
    rng = np.random.default_rng(seed)
    n, m = rng.integers(1, 4, 2).tolist()
    costs = rng.uniform(0, 1.3, (n, m))
    costs[rng.random((n, m)) < 0.2] = np.inf

    def price(columns):
        return sum(
            1.0 if column >= m else costs[row, column]
            for row, column in enumerate(columns)
        )

    options = itertools.permutations(range(n + m), n)
    cheapest = min(price(columns) for columns in options)
    pairs = assign(costs)
    assert len({row for row, _ in pairs}) == len(pairs)
    assert len({column for _, column in pairs}) == len(pairs)
    total = sum(costs[pair] for pair in pairs) + n - len(pairs)
    assert total == pytest.approx(cheapest)

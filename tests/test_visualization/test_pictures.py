"""Pictures show what they were given: marks lie where the data is."""

import os

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from mmengine.visualization import LocalVisBackend

from mobind_mm.recordings import Recording
from mobind_mm.registry import VISUALIZERS
from mobind_mm.skeleton import LAYOUTS
from mobind_mm.synchronization.conformance import simulate_recording
from mobind_mm.visualization import (
    MoBindVisualizer,
    draw_actions,
    draw_clock_drift,
    draw_confusion_matrix,
    draw_localization,
    draw_recall_curves,
    draw_retrieval,
    draw_similarity_matrix,
    draw_skeleton,
    draw_sync_curve,
    preview,
)
from mobind_mm.visualization.figures import ORANGE, new_figure, to_image
from mobind_mm.visualization.visualizer import PICTURES

TIMES = np.arange(6) * 0.2
COCO = {
    'nose': (50, 10),
    **{f'left_{k}': (60, y) for k, y in (('eye', 8), ('ear', 9))},
    **{f'right_{k}': (40, y) for k, y in (('eye', 8), ('ear', 9))},
    **{'left_shoulder': (70, 30), 'right_shoulder': (30, 30)},
    **{'left_elbow': (80, 50), 'right_elbow': (20, 50)},
    **{'left_wrist': (85, 70), 'right_wrist': (15, 70)},
    **{'left_hip': (62, 75), 'right_hip': (38, 75)},
    **{'left_knee': (64, 110), 'right_knee': (36, 110)},
    **{'left_ankle': (64, 150), 'right_ankle': (36, 150)},
}


def person(**changes):
    points = np.array([COCO[name] for name in LAYOUTS['coco']], float)
    sensors = ['left_wrist', 'right_knee', 'head', 'pelvis', 'left_thigh']
    values = dict(
        keypoints=points, scores=np.ones(17), sensors=sensors, name='Ada'
    )
    return {**values, **changes}


def acting(name, action='jump'):
    windows = [
        dict(start_s=5.0 * i, action=action if i else 'sit', score=0.8)
        for i in range(4)
    ]
    return dict(name=name, windows=windows)


def examples():
    rng = np.random.default_rng(0)
    return {
        'actions': dict(answers=[acting('Ada'), acting('Ben', 'walk')]),
        'clock_drift': dict(
            times=np.array([0.0, 60.0]),
            offsets=np.array([1.0, 1.02]),
            clip_times=np.arange(5.0, 60, 10),
            clip_offsets=1 + np.arange(5.0, 60, 10) / 3000,
            agrees=np.array([1, 1, 0, 1, 1, 1], bool),
        ),
        'localization': dict(
            evidence=rng.normal(size=(2, 3, 4)),
            sensors={
                'A': dict(person='Ben', limb='head'),
                'B': dict(person=None, limb=None),
            },
            people=['Ada', 'Ben', 'Cleo'],
            limbs=['left_wrist', 'right_wrist', 'head', 'pelvis'],
        ),
        'retrieval': dict(
            answers=[
                dict(
                    name='query',
                    recordings=[
                        dict(name=f'take {i}', similarity=0.9 - 0.2 * i)
                        for i in range(5)
                    ],
                )
            ]
        ),
        'study': dict(
            probability=rng.uniform(size=(3, 2)),
            recordings=['a', 'b', 'c'],
            videos=['x', 'y'],
            pairs=[(2, 0)],
        ),
        'confusion_matrix': dict(matrix=rng.integers(0, 9, (4, 4))),
        'recall_curves': dict(
            ranks=dict(imu2pose=rng.integers(1, 21, 30)), num_gallery=20
        ),
        'similarity_matrix': dict(
            similarity=rng.normal(size=(6, 6)),
            row_times=TIMES,
            column_times=TIMES,
            offset=0.3,
            estimate=0.25,
        ),
        'skeleton': dict(people=[person()], img_shape=(200, 300)),
        'sync_curve': dict(
            offsets=np.linspace(-1, 1, 50),
            log_posterior=-(np.linspace(-1, 1, 50) ** 2),
            offset=0.1,
            estimate=0.0,
            rivals=[(0.5, 0.2)],
        ),
    }


@pytest.mark.parametrize('kind', sorted(PICTURES))
def test_every_picture_goes_to_backends_and_files(kind, tmp_path):
    visualizer = VISUALIZERS.build(
        dict(
            type='MoBindVisualizer',
            name=kind,
            vis_backends=[dict(type='LocalVisBackend')],
            save_dir=str(tmp_path),
        )
    )
    assert isinstance(
        visualizer.get_backend('LocalVisBackend'), LocalVisBackend
    )
    picture = dict(kind=kind, **examples()[kind])
    out_file = tmp_path / 'shown' / f'{kind}.png'
    visualizer.add_picture(kind, picture, step=3, out_file=out_file)
    image = MoBindVisualizer.draw_picture(picture)
    assert image.dtype == np.uint8 and image.shape[2] == 3
    assert min(image.shape[:2]) > 300
    # Not blank: ink of several colours, and not only in one corner.
    dark = image.min(axis=2) < 160
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 50
    for half in (dark[: len(dark) // 2], dark[len(dark) // 2 :]):
        assert half.mean() > 0.002
    for file in (out_file, tmp_path / f'vis_data/vis_image/{kind}_3.png'):
        read = np.round(imread(file)[..., :3] * 255).astype(np.uint8)
        np.testing.assert_array_equal(read, image)
    assert [path.name for path in out_file.parent.iterdir()] == [f'{kind}.png']


def test_an_unknown_kind():
    with pytest.raises(ValueError, match="kind 'cake'; choose from"):
        MoBindVisualizer.draw_picture(dict(kind='cake'))


def line(axes, label):
    (found,) = (x for x in axes.lines if str(x.get_label()).startswith(label))
    return found.get_xydata()


def test_the_answer_of_localization_is_framed():
    figure = draw_localization(**examples()['localization'])
    frames = [axes.patches for axes in figure.axes[:3]]
    assert [len(found) for found in frames] == [0, 1, 0]
    (frame,) = frames[1]
    x, y = frame.get_center()
    assert (round(x), round(y)) == (2, 0)
    shown = figure.axes[1].images[0].get_array()
    np.testing.assert_array_equal(
        shown, examples()['localization']['evidence'][:, 1]
    )


def test_bars_of_retrieval_and_actions():
    axes = draw_retrieval(**examples()['retrieval']).axes[0]
    widths = [bar.get_width() for bar in axes.patches]
    np.testing.assert_allclose(widths, [0.9, 0.7, 0.5, 0.3, 0.1])
    assert axes.get_yticklabels()[0].get_text() == 'take 0'
    axes = draw_actions(**examples()['actions']).axes[0]
    assert [bar.get_x() for bar in axes.patches] == [0, 5, 10, 15] * 2
    assert [text.get_text() for text in axes.texts[:2]] == ['sit', 'jump']


def test_the_clock_goes_through_its_clips():
    given = examples()['clock_drift']
    axes = draw_clock_drift(**given).axes[0]
    np.testing.assert_allclose(line(axes, 'clock'), [[0, 1], [60, 1.02]])
    kept = line(axes, 'single clips')
    np.testing.assert_allclose(
        kept[:, 0], given['clip_times'][given['agrees']]
    )
    low, high = axes.get_ylim()
    assert low < 1.0 and high > 1.02
    # A clip that is seconds off is still seen.
    given['clip_offsets'][2] = -3.0
    axes = draw_clock_drift(**given).axes[0]
    ((time, offset),) = line(axes, 'clips that do not count')
    assert time == 25 and low < offset < 1.0


def test_offset_path_runs_through_equal_moments():
    axes = draw_similarity_matrix(
        np.isclose(TIMES[:, None] - TIMES[None], 0.4) + 0.0,
        row_times=TIMES,
        column_times=TIMES,
        offset=0.4,
    ).axes[0]
    (image,) = axes.images
    left, right, low, high = image.get_extent()
    assert image.origin == 'lower'
    for x, y in line(axes, 'true offset'):
        assert y == pytest.approx(x + 0.4)
    # The bright cells lie under the path.
    rows, columns = np.nonzero(image.get_array() > 0.5)
    assert len(rows) == 4
    size = (right - left) / 6
    for row, column in zip(rows, columns):
        x, y = left + (column + 0.5) * size, low + (row + 0.5) * size
        assert y == pytest.approx(x + 0.4)
    assert (axes.get_xlim(), axes.get_ylim()) == ((left, right), (low, high))


def test_recall_curve_equals_counting():
    ranks = np.random.default_rng(1).integers(1, 41, 25)
    axes = draw_recall_curves({'imu2pose': ranks}, 40).axes[0]
    for k, recall in line(axes, 'IMU to pose'):
        assert recall == pytest.approx(np.mean([r <= k for r in ranks]))
    for k, chance in line(axes, 'chance'):
        assert chance == pytest.approx(k / 40)


def test_confusion_matrix_counts_and_shares():
    matrix = np.array([[3, 1, 0], [0, 0, 0], [2, 0, 2]])
    figure = draw_confusion_matrix(matrix, ['a', 'b', 'c_d'])
    axes = figure.axes[0]
    (image,) = axes.images
    np.testing.assert_allclose(
        image.get_array(), [[0.75, 0.25, 0], [0, 0, 0], [0.5, 0, 0.5]]
    )
    texts = {t.get_position(): t.get_text() for t in axes.texts}
    assert texts == {(0, 0): '3', (1, 0): '1', (0, 2): '2', (2, 2): '2'}
    assert [t.get_text() for t in axes.get_yticklabels()] == ['a', 'b', 'c d']
    assert '0.625 of 8' in figure.get_suptitle()


def test_sync_curve_marks_truth_estimate_and_rivals():
    figure = draw_sync_curve(**examples()['sync_curve'])
    whole, close = figure.axes
    for axes in (whole, close):
        assert line(axes, 'true')[:, 0] == pytest.approx([0.1, 0.1])
        assert line(axes, 'estimated')[:, 0] == pytest.approx([0.0, 0.0])
    assert close.get_xlim() == pytest.approx((-0.5, 0.5))
    # The curve is relative to its maximum.
    assert whole.lines[0].get_ydata().max() == 0.0
    (text,) = (t for t in whole.texts if t.get_text() == '0.20')
    assert text.xy[0] == 0.5


@pytest.mark.parametrize('sensor', ['right_forearm', 'right_hand'])
def test_a_preview_says_what_is_true_at_each_frame(
    sensor, tmp_path, monkeypatch
):
    pytest.importorskip('cv2')
    streams = simulate_recording(seed=0, seconds=6.0)
    (worn,) = streams.imu.values()
    said = []
    monkeypatch.setattr(
        preview, '_text', lambda *words, **_: said.append(words[2]) or 0
    )
    clock = {'video_s': [0.0, 2.0, 2.1, 6.0], 'offset_s': [1, 1, 3, 3]}
    own = {'clock': {**clock, 'offset_s': [2, 2, 4, 4]}, 'offset_s': 2}
    answer = {
        'offset_s': 1.0,
        'confidence': 0.9,
        'clock': clock,
        'sensor_clocks': {sensor: own},
    }
    file = tmp_path / 'preview.webp'
    preview.write_preview(
        Recording({sensor: worn}, streams.pose), file, None, 1.5, 1, answer
    )
    assert file.stat().st_size > 1000
    offsets = [x.split('  ')[0] for x in said if x.startswith('sensor time')]
    assert offsets[0] == 'sensor time = video time +1.000 s'
    assert offsets[-1] == 'sensor time = video time +3.000 s'
    own = [x for x in said if x.startswith('its clock')]
    assert (own[0], own[-1]) == ('its clock +2.000 s', 'its clock +4.000 s')


def test_clips_that_count_are_within_the_picture():
    shown = examples()['clock_drift']
    shown['clip_offsets'] = shown['clip_offsets'] + 0.1
    low, high = draw_clock_drift(**shown).axes[0].get_ylim()
    agreeing = shown['clip_offsets'][shown['agrees']]
    assert low < agreeing.min() and agreeing.max() < high


def test_sensors_sit_where_they_are_worn():
    axes = draw_skeleton([person()]).axes[0]
    marks = [
        tuple(x.get_xydata()[0]) for x in axes.lines if x.get_marker() == 's'
    ]
    points = {name: np.array(COCO[name]) for name in COCO}
    parts = [
        {'left_wrist': 0.88, 'left_elbow': 0.12},
        {'right_knee': 0.75, 'right_ankle': 0.25},
        dict.fromkeys(('nose', 'left_eye', 'right_eye'), 1 / 3),
        {'left_hip': 0.5, 'right_hip': 0.5},
        {'left_hip': 0.4, 'left_knee': 0.6},
    ]
    wanted = [sum(w * points[k] for k, w in part.items()) for part in parts]
    np.testing.assert_allclose(marks, wanted)
    names = [t.get_text() for t in axes.texts]
    assert names[-1] == 'Ada' and {'left wrist', 'right knee'} < {*names}
    # Names on one side of a person do not lie on each other.
    heights = {}
    for text in axes.texts[:-1]:
        heights.setdefault(text.get_ha(), []).append(text.xyann[1])
    assert sum(map(len, heights.values())) == 5
    for column in heights.values():
        assert all(np.diff(sorted(column)) > 5)
    assert axes.yaxis_inverted()
    image = to_image(axes.figure)
    orange = np.round(np.multiply(to_rgb(ORANGE), 255))
    assert (np.abs(image - orange).max(axis=2) < 3).sum() > 5 * 50


def test_nothing_is_drawn_where_nothing_was_seen():
    scores = np.ones(17)
    index = [LAYOUTS['coco'].index(f'left_{n}') for n in ('wrist', 'elbow')]
    scores[index] = 0
    points = person()['keypoints']
    points[index] = np.nan
    whole = draw_skeleton([person()]).axes[0]
    axes = draw_skeleton([person(scores=scores, keypoints=points)]).axes[0]
    # Two bones and one sensor less.
    assert len(axes.lines) == len(whole.lines) - 3
    assert 'left wrist' not in [t.get_text() for t in axes.texts]


def test_people_are_told_apart():
    other = person(keypoints=person()['keypoints'] + 100, name='Bob')
    unseen = person(scores=np.zeros(17), name='Cid')
    axes = draw_skeleton([person(), other, unseen]).axes[0]
    names = {t.get_text(): t.get_color() for t in axes.texts}
    assert names['Ada'] != names['Bob'] and 'Cid' not in names


def test_names_of_close_people_stand_outside():
    other = person(keypoints=person()['keypoints'] + (20, 0), name='Bob')
    axes = draw_skeleton([person(), other]).axes[0]
    colours = {t.get_text(): t.get_color() for t in axes.texts}
    for name, side in (('Ada', lambda x: x < 15), ('Bob', lambda x: x > 105)):
        places = [
            text.xyann[0]
            for text in axes.texts
            if text.get_color() == colours[name] and text.get_text() != name
        ]
        assert len(places) == 5 and all(map(side, places))


@pytest.mark.parametrize(
    ('draw', 'message'),
    [
        (lambda: draw_skeleton([person(sensors=['tail'])]), r"\['tail'\]"),
        (lambda: draw_skeleton([person(scores=np.zeros(17))]), 'visible'),
        (lambda: draw_skeleton([person()], 'halpe26'), '26 keypoints'),
        (lambda: draw_confusion_matrix(np.ones((2, 3))), 'square'),
        (lambda: draw_confusion_matrix(np.ones((2, 2)), ['a']), '1 class na'),
        (lambda: draw_recall_curves({'a': [0]}, 3), 'num_gallery=3'),
        (lambda: draw_recall_curves({'a': [4]}, 3), 'num_gallery=3'),
        (lambda: draw_recall_curves({}, 3), 'ranks from 1'),
        (lambda: draw_similarity_matrix(np.ones(3)), r'shape \(3,\)'),
        (lambda: draw_similarity_matrix(np.eye(2), offset=1), 'row_times'),
        (
            lambda: draw_similarity_matrix(
                np.eye(2), row_times=[0, 1], column_times=[0]
            ),
            '1 column_times',
        ),
        (lambda: draw_sync_curve([0, 1], [0]), 'as many values'),
        (lambda: draw_sync_curve([0], [np.nan]), 'finite'),
    ],
)
def test_what_cannot_be_drawn(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def test_pictures_show_any_name(tmp_path):
    name = os.fsdecode(b'a\xff $_$ \x1b.csv')  # TypeError; ParseException
    figure = new_figure(3, 2, name)
    axes = figure.subplots()
    axes.set(yscale='log', ylabel=name)
    axes.plot([0, 1], [1, 100], label=name)
    axes.set_xticks([0, 1], [name, 'b'])
    axes.legend()
    image = to_image(figure)
    figure.savefig(tmp_path / 'a.png')  # draws in the same way
    plain = new_figure(3, 2, r'a\udcff \$_\$ \x1b.csv')
    other = plain.subplots()
    other.set(yscale='log', ylabel=r'a\udcff \$_\$ \x1b.csv')
    other.plot([0, 1], [1, 100], label=r'a\udcff \$_\$ \x1b.csv')
    other.set_xticks([0, 1], [r'a\udcff \$_\$ \x1b.csv', 'b'])
    other.legend()
    assert (image == to_image(plain)).all()

"""Pose estimators: the contract, BlazePose against MediaPipe, stand-ins."""

import sys
import types

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from mobind_mm.datasets.synthetic import DOFS, Body, Camera
from mobind_mm.datasets.synthetic.body import DOF, RATIOS
from mobind_mm.readers.estimators import (
    check_estimator,
    estimators,
    make_estimator,
    register_estimator,
)
from mobind_mm.readers.estimators.mediapipe import (
    DETECTOR,
    LANDMARKS,
    WEIGHTS,
    _merged,
    cut_square,
    whole_weights,
)

cv2 = pytest.importorskip('cv2')

# What MediaPipe 0.10.21 itself finds in the image of figure(): x, y.
MEDIAPIPE = [
    *[317, 158, 320, 154, 322, 153, 323, 153, 315, 154, 313, 154, 312, 154],
    *[327, 156, 310, 157, 321, 163, 315, 163, 345, 182, 297, 181, 362, 215],
    *[262, 195, 378, 247, 228, 208, 384, 255, 217, 211, 383, 256, 217, 212],
    *[380, 254, 220, 211, 334, 249, 307, 249, 333, 304, 307, 303, 333, 350],
    *[307, 347, 333, 355, 309, 351, 327, 367, 305, 366],
]
COCO = [0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28]
"""Landmarks of MediaPipe in the order of COCO."""


def figure():
    """Somebody who stands with the arms out, and the true keypoints."""
    from dataclasses import replace

    from mobind_mm.datasets.synthetic.render import Figure

    body = Body({name: 1.7 * ratio for name, ratio in RATIOS.items()})
    dofs = np.zeros((1, len(DOFS)))
    dofs[0, DOF['z']] = 0.9
    for side, angle in (('left', 0.5), ('right', 1.2)):
        dofs[0, DOF[f'{side}_arm_abd']] = angle
        dofs[0, DOF[f'{side}_elbow']] = 0.4
    eye, target = np.array([4.5, 0.8, 1.3]), np.array([0, 0, 0.95])
    camera = Camera.look_at(eye, target, 600.0)
    camera = replace(camera, img_shape=(480, 640))
    pose, drawn = body.forward(dofs), Figure(body, camera)
    image = drawn.draw(drawn.room(), pose.origins[0], pose.rotations[0])
    return image, camera.project(pose.keypoints[0])[0]


@pytest.fixture(scope='module')
def scene():
    return figure()


def mediapipe(**options):
    pytest.importorskip('ai_edge_litert')
    estimator = make_estimator('mediapipe', **options)
    estimator.load()
    return estimator


def test_mediapipe_keeps_the_contract(scene):
    check_estimator(mediapipe(), scene[0])


def test_landmarks_are_those_of_mediapipe(scene):
    image, true = scene
    (person,) = mediapipe().people(image)
    found = np.array(person['keypoints'])
    off = np.linalg.norm(found - np.reshape(MEDIAPIPE, (33, 2)), axis=1)
    assert np.median(off) < 1 and off.max() < 3
    # The person is 230 pixels tall.
    off = np.linalg.norm(found[COCO] - true, axis=1)
    assert np.median(off) < 5 and off.max() < 12
    assert min(person['keypoint_scores']) > 0.5
    assert person['bbox_score'] > 0.9


@pytest.mark.parametrize('turn', [0, 1])
def test_two_people_are_two(scene, turn):
    image = np.concatenate([scene[0][:, 150:450]] * 2, axis=1)
    estimator = mediapipe()
    for _ in range(2):
        first, second = estimator.people(np.roll(image, turn * 20, axis=1))
    apart = np.array(first['keypoints']) - np.array(second['keypoints'])
    assert abs(np.median(apart[:, 0])) == pytest.approx(300, abs=6)
    estimator = mediapipe(max_people=1)
    assert len(estimator.people(image)) == 1


def test_who_leaves_is_forgotten_and_found_again(scene):
    estimator = mediapipe()
    empty = np.full_like(scene[0], 128)
    counts = [
        len(estimator.people(image))
        for image in (scene[0], empty, empty, scene[0])
    ]
    assert counts == [1, 0, 0, 1]


@pytest.mark.parametrize('fill', [False, True])
def test_square_is_cut_by_bilinear_interpolation(fill):
    """Against SciPy, with a square that reaches out of the image."""
    rng = np.random.default_rng(0)
    image = cv2.resize(rng.integers(0, 256, (8, 12, 3), np.uint8), (60, 40))
    x, y, side, turn = 50.3, 12.1, 30.0, 0.4
    found = cut_square(image, (x, y, side, turn), 16, fill)
    step = (np.arange(16) / 16 - 0.5) * side
    right, down = np.meshgrid(step, step)
    columns = x + np.cos(turn) * right - np.sin(turn) * down
    rows = y + np.sin(turn) * right + np.cos(turn) * down
    mode = 'grid-constant' if fill else 'nearest'
    for channel in range(3):
        expected = map_coordinates(
            image[..., 2 - channel].astype(float),
            [rows, columns],
            order=1,
            mode=mode,
        )
        np.testing.assert_allclose(
            found[..., channel], expected / 255, atol=0.01
        )


def test_boxes_of_one_person_are_averaged_by_their_scores():
    box = np.zeros((3, 6, 2))
    box[:, 1] = 0.4
    box[:, 2] = [[0.5, 0.5], [0.7, 0.5], [3.0, 3.0]]
    box[:, 0] = [[0.5, 0.5], [0.52, 0.5], [3.0, 3.0]]
    found = _merged(box, np.array([0.9, 0.6, 0.7]))
    assert len(found) == 2
    np.testing.assert_allclose(found[0][0], [0.58, 0.5])
    np.testing.assert_allclose(found[1][0], [3.0, 3.0])


def test_without_litert_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, 'ai_edge_litert.interpreter', None)
    with pytest.raises(ImportError, match=r"pip install 'mobind_mm\[pose\]'"):
        make_estimator().load()


class Models:
    """In place of rtmlib's BodyWithFeet, which downloads weights."""

    fails = False

    def __init__(self, mode, device):
        if self.fails:
            raise OSError('Name or service not known')
        assert (mode, device) == ('lightweight', 'cpu')

    def det_model(self, image):
        seen = image.mean() > 50
        return np.array([[9.0, 9, 90, 90]]) if seen else np.zeros((0, 4))

    def pose_model(self, image, bboxes):
        return np.full((len(bboxes), 26, 2), 30.0), np.full((1, 26), 1.02)


@pytest.fixture
def rtmlib(monkeypatch):
    package = types.ModuleType('rtmlib')
    package.BodyWithFeet = type('BodyWithFeet', (Models,), {})
    monkeypatch.setitem(sys.modules, 'rtmlib', package)
    return package.BodyWithFeet


def test_rtmlib_keeps_the_contract(rtmlib):
    estimator = make_estimator('rtmlib', mode='lightweight')
    check_estimator(estimator, np.full((96, 128, 3), 99, np.uint8))
    (person,) = estimator.people(np.full((96, 128, 3), 99, np.uint8))
    assert person['bbox'] == [[9, 9, 90, 90]]
    assert max(person['keypoint_scores']) == 1


def test_rtmlib_without_its_weights_is_one_clear_error(rtmlib):
    rtmlib.fails = True
    with pytest.raises(ValueError, match='downloads them once'):
        make_estimator('rtmlib').load()
    with pytest.raises(ValueError, match=r"no mode 'fast'; choose from"):
        make_estimator('rtmlib', mode='fast')


def test_estimators_are_named_and_registered():
    assert {'mediapipe', 'rtmlib', 'mmpose'} <= set(estimators())
    with pytest.raises(ValueError, match="Did you mean 'mediapipe'"):
        make_estimator('mediapip')
    with pytest.raises(ValueError, match='mediapipe does not take mode'):
        make_estimator('mediapipe', mode='fast', device=None)

    class Mine:
        name = 'mediapipe'

    with pytest.raises(ValueError, match='registered already'):
        register_estimator(Mine)


def test_contract_is_tested():
    class Wrong:
        name, layout, settings, caution = 'wrong', 'coco', {}, ''

        def load(self):
            pass

        reset = load

        def people(self, image):
            return [{'keypoints': [[1, 2]] * 16, 'keypoint_scores': [1] * 16}]

    with pytest.raises(AssertionError, match='17 keypoints'):
        check_estimator(Wrong(), np.zeros((96, 128, 3), np.uint8))


@pytest.mark.parametrize('name', [DETECTOR, LANDMARKS])
def test_weights_are_those_that_were_published(tmp_path, name):
    content = whole_weights(WEIGHTS / name)
    damaged = bytearray(content)
    damaged[len(content) // 2] ^= 1
    (tmp_path / name).write_bytes(damaged)
    with pytest.raises(ValueError, match=f'{name} is damaged. Install'):
        whole_weights(tmp_path / name)

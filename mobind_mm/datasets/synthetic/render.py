"""A video of a simulated person, in which pose estimators find somebody.

The body is a surface of rings around the segments, with skin, hair, a face
and clothes, lit from one side in front of a plain room.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...utils.video import require_cv2
from ...utils.video_writing import writing_video
from .body import RATIOS, SEGMENTS, Body
from .camera import Camera
from .motion import Motion

_AROUND = 20
"""Corners of a ring."""
_LIGHT = np.array([0.35, -0.45, 0.82])
"""Direction towards the light, in the world."""
_COLOURS = {
    'skin': (140, 170, 222),
    'hair': (32, 42, 58),
    'shirt': (70, 62, 190),
    'trousers': (120, 74, 44),
    'shoe': (58, 58, 62),
    'eye': (40, 34, 30),
    'lips': (92, 92, 170),
}
"""BGR."""


class Ring(NamedTuple):
    """A cross section of the body.

    Args:
        segment: Segment that carries it.
        centre: (3,) in the segment's frame: metres of a person of 1.7 m, but
            along z in lengths of the segment, where it has one.
        radii: Along x and y, or along z and y if ``across``.
        colour: Of what follows, towards the next ring.
        across: Whether the ring stands across x, as in a foot.
    """

    segment: str
    centre: tuple[float, float, float]
    radii: tuple[float, float]
    colour: str
    across: bool = False


def _rings(side: str) -> Iterator[list[Ring]]:
    """Surfaces of an arm, a leg and a foot."""

    def along(segment: str, *rows: tuple) -> list[Ring]:
        return [
            Ring(f'{side}_{segment}', (0, 0, -at), (x, y), colour)
            for at, x, y, colour in rows
        ]

    yield [
        *along(
            'upper_arm',
            (-0.16, 0.035, 0.035, 'shirt'),
            (-0.05, 0.062, 0.060, 'shirt'),
            (0.15, 0.062, 0.058, 'shirt'),
            (0.50, 0.056, 0.054, 'skin'),
            (0.52, 0.047, 0.045, 'skin'),
            (0.92, 0.040, 0.040, 'skin'),
        ),
        *along(
            'forearm',
            (0.06, 0.042, 0.040, 'skin'),
            (0.30, 0.044, 0.040, 'skin'),
            (0.75, 0.032, 0.028, 'skin'),
            (1.00, 0.029, 0.022, 'skin'),
            (1.12, 0.042, 0.020, 'skin'),
            (1.42, 0.040, 0.018, 'skin'),
            (1.68, 0.022, 0.012, 'skin'),
            (1.72, 0.004, 0.004, 'skin'),
        ),
    ]
    yield [
        *along(
            'thigh',
            (-0.15, 0.070, 0.050, 'trousers'),
            (0.00, 0.095, 0.090, 'trousers'),
            (0.25, 0.088, 0.082, 'trousers'),
            (0.70, 0.068, 0.064, 'trousers'),
            (0.94, 0.058, 0.056, 'trousers'),
        ),
        *along(
            'shank',
            (0.05, 0.058, 0.054, 'trousers'),
            (0.28, 0.062, 0.056, 'trousers'),
            (0.65, 0.048, 0.045, 'trousers'),
            (0.97, 0.046, 0.044, 'trousers'),
        ),
    ]
    foot = (
        (-0.075, -1.08, 0.010, 0.018),
        (-0.065, -1.07, 0.036, 0.034),
        (0.000, -1.06, 0.052, 0.038),
        (0.070, -1.10, 0.034, 0.044),
        (0.140, -1.12, 0.024, 0.046),
        (0.185, -1.13, 0.016, 0.034),
        (0.200, -1.14, 0.004, 0.008),
    )
    yield [
        Ring(f'{side}_shank', (x, 0, z), (up, across), 'shoe', True)
        for x, z, up, across in foot
    ]


def _trunk() -> list[Ring]:
    rows = (
        ('pelvis', -0.090, 0.070, 0.100, 'trousers'),
        ('pelvis', -0.040, 0.118, 0.162, 'trousers'),
        ('pelvis', 0.040, 0.122, 0.168, 'trousers'),
        ('pelvis', 0.110, 0.112, 0.152, 'shirt'),
        ('thorax', 0.010, 0.108, 0.146, 'shirt'),
        ('thorax', 0.130, 0.122, 0.164, 'shirt'),
        ('thorax', 0.240, 0.122, 0.180, 'shirt'),
        ('thorax', 0.310, 0.100, 0.190, 'shirt'),
        ('thorax', 0.350, 0.080, 0.140, 'shirt'),
        ('thorax', 0.372, 0.062, 0.076, 'skin'),
        ('head', -0.030, 0.056, 0.056, 'skin'),
        ('head', 0.020, 0.055, 0.055, 'skin'),
    )
    return [
        Ring(name, (0.015 if name == 'head' else 0, 0, z), (x, y), colour)
        for name, z, x, y, colour in rows
    ]


def _head() -> list[Ring]:
    """An egg, whose back and top are covered with hair."""
    heights = np.cos(np.linspace(np.pi, 0, 15))
    return [
        Ring(
            'head',
            (0.068 - 0.010 * h, 0, 0.103 + 0.132 * h),
            (0.100 * w + 0.001, (0.080 + 0.006 * h) * w + 0.001),
            'head',
        )
        for h, w in zip(heights, np.sqrt(1 - heights**2 + 1e-9))
    ]


_PARTS = [_trunk(), _head(), *_rings('left'), *_rings('right')]
_FACE = (
    ('eye', (0.163, 0.033, 0.112), 0.0095),
    ('eye', (0.163, -0.033, 0.112), 0.0095),
    ('hair', (0.162, 0.034, 0.136), 0.012),
    ('hair', (0.162, -0.034, 0.136), 0.012),
    ('skin', (0.182, 0.0, 0.082), 0.017),
    ('lips', (0.160, 0.014, 0.040), 0.009),
    ('lips', (0.163, 0.0, 0.040), 0.010),
    ('lips', (0.160, -0.014, 0.040), 0.009),
    ('skin', (0.066, 0.088, 0.100), 0.024),
    ('skin', (0.066, -0.088, 0.100), 0.024),
)
"""Spots of the head: colour, place and radius in metres."""


@dataclass(frozen=True)
class Figure:
    """Draws a body as a camera sees it.

    Args:
        body: Bone lengths.
        camera: Camera.
        seed: Another seed gives another background.
    """

    body: Body
    camera: Camera
    seed: int = 0

    def draw(
        self, background: np.ndarray, origins: np.ndarray, turns: np.ndarray
    ) -> np.ndarray:
        """One frame (H, W, 3) uint8 BGR.

        Args:
            background: (H, W, 3) uint8 BGR.
            origins: (11, 3) of the segments, in the world.
            turns: (11, 3, 3) of the segments.
        """
        cv2 = require_cv2()
        image = background.copy()
        corners, colours, depths = self._faces(origins, turns)
        for i in np.argsort(-depths, kind='stable'):
            cv2.fillConvexPoly(
                image, corners[i], colours[i].tolist(), cv2.LINE_8, 4
            )
        self._face(cv2, image, origins, turns)
        return image

    def _scale(self) -> float:
        return float(self.body.lengths['shank'] / RATIOS['shank'] / 1.7)

    def _faces(
        self, origins: np.ndarray, turns: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Corners (n, 4, 2) in 1/16 pixels, colours (n, 3), depths (n,)."""
        places, normals, colours = [], [], []
        for part in _PARTS:
            points = np.stack([self._ring(r, origins, turns) for r in part])
            after = np.roll(points, -1, axis=1)
            quads = np.stack(
                [points[:-1], after[:-1], after[1:], points[1:]], axis=2
            )
            middle = points.mean(axis=1)
            normal = np.cross(
                quads[:, :, 2] - quads[:, :, 0],
                quads[:, :, 3] - quads[:, :, 1],
            )
            centre = (middle[:-1] + middle[1:])[:, None] / 2
            outward = quads.mean(axis=2) - centre
            normal *= np.sign((normal * outward).sum(-1, keepdims=True))
            length = np.linalg.norm(normal, axis=-1, keepdims=True)
            normals.append((normal / (length + 1e-12)).reshape(-1, 3))
            places.append(quads.reshape(-1, 4, 3))
            colours.append(self._colours(part))
        place, normal = np.concatenate(places), np.concatenate(normals)
        eye = -self.camera.rotation.T @ self.camera.translation
        towards = eye - place.mean(axis=1)
        front = (normal * towards).sum(axis=1) > 0
        place, normal = place[front], normal[front]
        light = _LIGHT / np.linalg.norm(_LIGHT)
        lit = np.clip(normal @ light, 0, 1) * 0.62 + 0.42
        lit += 0.08 * np.clip(normal[:, 2], -1, 1)
        colour = np.concatenate(colours)[front] * lit[:, None]
        pixels, depth = self.camera.project(place)
        corners = np.round(np.clip(pixels, -4000, 8000) * 16)
        return (
            corners.astype(np.int32),
            np.clip(colour, 0, 255).astype(int),
            depth.mean(axis=1),
        )

    def _ring(
        self, ring: Ring, origins: np.ndarray, turns: np.ndarray
    ) -> np.ndarray:
        """Corners (_AROUND, 3) of a ring in the world."""
        index, size = SEGMENTS.index(ring.segment), self._scale()
        angle = np.arange(_AROUND) * 2 * np.pi / _AROUND
        a, b = ring.radii
        flat = np.zeros((_AROUND, 3))
        flat[:, 2 if ring.across else 0] = a * np.cos(angle)
        flat[:, 1] = b * np.sin(angle)
        x, y, z = ring.centre
        name = ring.segment.partition('_')[2]
        length = self.body.lengths.get(name)
        z = z * size if length is None else z * length
        centre = np.array([x * size, y * size, z])
        return origins[index] + (centre + flat * size) @ turns[index].T

    @staticmethod
    def _colours(part: list[Ring]) -> np.ndarray:
        """Colours of a part's faces (n, 3)."""
        if part[0].colour != 'head':
            rows = [_COLOURS[ring.colour] for ring in part[:-1]]
            return np.repeat(np.array(rows, float), _AROUND, axis=0)
        angle = (np.arange(_AROUND) + 0.5) * 2 * np.pi / _AROUND
        height = (np.arange(len(part) - 1) + 0.5) / (len(part) - 1)
        front = np.cos(angle)[None] - 2.6 * (height[:, None] - 0.62)
        hair = (front < 0.1) & (height[:, None] > 0.3)
        face = np.where(hair[..., None], _COLOURS['hair'], _COLOURS['skin'])
        return face.reshape(-1, 3).astype(float)

    def _face(
        self,
        cv2: Any,
        image: np.ndarray,
        origins: np.ndarray,
        turns: np.ndarray,
    ) -> None:
        """Eyes, brows, nose, lips and ears, if they look at the camera."""
        index, size = SEGMENTS.index('head'), self._scale()
        eye = -self.camera.rotation.T @ self.camera.translation
        middle = np.array([0.066, 0, 0.1])
        for colour, place, radius in _FACE:
            at = origins[index] + turns[index] @ (np.array(place) * size)
            normal = turns[index] @ (np.array(place) - middle)
            towards = (eye - at) / np.linalg.norm(eye - at)
            if normal @ towards < 0.25 * np.linalg.norm(normal):
                continue
            pixel, depth = self.camera.project(at)
            around = radius * size * self.camera.focal / float(depth)
            shade = 0.9 if colour == 'skin' else 1.0
            bgr = [shade * c for c in _COLOURS[colour]]
            centre = tuple(np.round(pixel * 16).astype(int).tolist())
            thick = (cv2.FILLED, cv2.LINE_AA, 4)
            cv2.circle(image, centre, round(around * 16), bgr, *thick)

    def room(self) -> np.ndarray:
        """Background (H, W, 3) uint8 BGR: a wall, a floor, a picture."""
        cv2 = require_cv2()
        height, width = self.camera.img_shape
        rng = np.random.default_rng(self.seed)
        v, u = np.mgrid[:height, :width].astype(float)
        rays = np.stack(
            [u - width / 2, v - height / 2, np.full_like(u, self.camera.focal)]
        )
        world = np.tensordot(self.camera.rotation.T, rays, 1)
        eye = -self.camera.rotation.T @ self.camera.translation
        reach = np.where(world[2] < -1e-6, -eye[2] / world[2], np.inf)
        x, y = (eye[i] + world[i] * np.minimum(reach, 1e3) for i in (0, 1))
        floor = np.hypot(x, y) < 4.0
        boards = 12 * np.sin(7 * x) * (np.abs(np.sin(3.1 * y)) > 0.03)
        wall = 196 - 26 * v / height + 10 * np.sin(u / width * 5)
        grey = np.where(floor, 128 + boards, wall)
        coarse = rng.normal(0, 7, (height // 12 + 1, width // 12 + 1))
        grey += cv2.resize(coarse, (width, height))
        image = grey[..., None] * np.where(
            floor[..., None], (0.72, 0.86, 1.0), (0.98, 1.0, 0.97)
        )
        image = np.clip(image + rng.normal(0, 3, image.shape), 0, 255)
        image = np.ascontiguousarray(image.astype(np.uint8))
        low = (int(0.08 * width), int(0.08 * height))
        high = (int(0.2 * width), int(0.3 * height))
        cv2.rectangle(image, low, high, (60, 84, 104), -1)
        return cv2.GaussianBlur(image, (5, 5), 0)


_HEIGHT = 720
"""Of the image in pixels, an even number."""


def render_video(
    path: str | Path,
    motion: Motion,
    camera: Camera,
    times: np.ndarray,
    seed: int = 0,
) -> None:
    """Film a motion.

    ``times`` (T,) are seconds on the motion's clock, one per frame.

    Raises:
        ImportError: If OpenCV is not installed.
    """
    factor = _HEIGHT / camera.img_shape[0]
    width = 2 * round(camera.img_shape[1] * factor / 2)
    camera = replace(
        camera, focal=camera.focal * factor, img_shape=(_HEIGHT, width)
    )
    figure = Figure(motion.body, camera, seed)
    room = figure.room()
    origins, turns = motion.segments(times)
    since = times - times[0]
    rate = (len(times) - 1) / since[-1] if len(times) > 1 else 25.0
    with writing_video(path, rate, (width, _HEIGHT)) as add:
        for row, time in enumerate(since):
            add(figure.draw(room, origins[row], turns[row]), time)

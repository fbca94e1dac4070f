"""Predictions as MMPose writes them, of simulated people."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mobind_mm.datasets.synthetic import Camera, Detector, Simulator
from mobind_mm.datasets.synthetic.noise import derive_rng
from mobind_mm.datasets.synthetic.scenes import Part
from mobind_mm.readers.detections import Detections
from mobind_mm.skeleton import get_layout

NMS_IOU = 0.3
"""MMPose's detector keeps one of two boxes that overlap by more."""


@dataclass(frozen=True)
class Seen:
    """One person in one frame; ``person`` is the truth, -1 for nobody."""

    person: int
    keypoints: np.ndarray
    scores: np.ndarray
    box: np.ndarray


def simulate_crowd(
    seed: int,
    people: int,
    sec: float,
    rate: float = 30.0,
    walking: bool = True,
    detector: Detector | None = None,
    occlusion: bool = True,
    false_share: float = 0.02,
) -> list[list[Seen]]:
    """Film people, and see them as a detector and MMPose do.

    Who walks goes to and fro across the place at 0.4 to 1.4 m/s, so that
    people cross in the image. Of two boxes that overlap by more than
    :data:`NMS_IOU` the nearer person's stays. ``false_share`` of the frames
    have a person twice, and as many have something that is nobody.

    Returns:
        For every frame who is seen, in random order.
    """
    simulator = Simulator(take_sec=sec)
    rng = derive_rng(seed, 'crowd', people)
    times = np.arange(round(sec * rate)) / rate
    camera = Camera.sample(rng, 4.0)
    filmed = []
    for place in range(people):
        part = Part(seed, 'test', place, 0, 0, place, people)
        points = simulator.motion(part).kinematics(times).keypoints
        if walking:
            points = points + _to_and_fro(times, rng)[:, None]
        pixels, scores = (detector or Detector()).detect(
            points, camera, times, rng
        )
        depth = camera.project(points)[1].mean(axis=1)
        filmed.append((pixels, scores, depth))
    frames = []
    for i in range(len(times)):
        seen = [
            (
                depth[i],
                Seen(
                    who, pixels[i], scores[i], _box(pixels[i], scores[i], rng)
                ),
            )
            for who, (pixels, scores, depth) in enumerate(filmed)
            if (scores[i] > 0).sum() >= 4
        ]
        seen = [one for _, one in sorted(seen, key=lambda pair: pair[0])]
        if occlusion:
            seen = _suppress(seen)
        if seen and rng.random() < false_share:
            seen.append(_again(seen[rng.integers(len(seen))], rng))
        if rng.random() < false_share:
            seen.append(_nobody(rng))
        frames.append([seen[k] for k in rng.permutation(len(seen))])
    return frames


def _to_and_fro(times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Displacement (T, 3) in metres along a line, back and forth."""
    length, speed = rng.uniform(3, 5), rng.uniform(0.4, 1.4)
    phase = (rng.uniform(0, 2) + times * speed / length) % 2
    along = (np.abs(phase - 1) - 0.5) * length
    angle = rng.uniform(0, 2 * np.pi)
    direction = np.array([np.cos(angle), np.sin(angle), 0.0])
    return along[:, None] * direction


def _box(
    keypoints: np.ndarray, scores: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    found = keypoints[scores > 0]
    low, high = found.min(axis=0), found.max(axis=0)
    pad = 0.08 * (high - low) + 2
    box = np.concatenate([low - pad, high + pad])
    return box + rng.normal(0, 0.01, 4) * np.hypot(*(high - low))


def _suppress(seen: list[Seen]) -> list[Seen]:
    kept: list[Seen] = []
    for one in seen:
        if all(box_iou(one.box, other.box) <= NMS_IOU for other in kept):
            kept.append(one)
    return kept


def box_iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return float(shared / (area - shared))


def _again(one: Seen, rng: np.random.Generator) -> Seen:
    """The same person once more, from a box of the upper body."""
    size = np.hypot(*(one.box[2:] - one.box[:2]))
    keypoints = one.keypoints + rng.normal(0, 0.01 * size, (17, 2))
    scores = one.scores * 0.9
    scores[13:] *= 0.3
    box = one.box * 1.0
    box[3] -= 0.45 * (box[3] - box[1])
    return Seen(one.person, keypoints, scores, box)


def _nobody(rng: np.random.Generator) -> Seen:
    """A chair or a shadow."""
    corner = rng.uniform(0, 800, 2)
    keypoints = corner + rng.uniform(0, (150, 300), (17, 2))
    scores = rng.uniform(0.05, 0.4, 17)
    return Seen(-1, keypoints, scores, _box(keypoints, scores, rng))


def as_detections(
    frames: list[list[Seen]], layout: str = 'coco'
) -> tuple[Detections, np.ndarray]:
    """What a reader makes of the frames, and who each instance is."""
    flat = [(i, one) for i, seen in enumerate(frames) for one in seen]
    k = len(get_layout(layout))

    def stack(values: list, shape: tuple[int, ...]) -> np.ndarray:
        return np.array(values, np.float32).reshape(-1, *shape)

    detections = Detections(
        num_frames=len(frames),
        frames=np.array([i for i, _ in flat], np.int64),
        keypoints=stack([one.keypoints for _, one in flat], (k, 2)),
        scores=stack([one.scores for _, one in flat], (k,)),
        boxes=stack([one.box for _, one in flat], (4,)),
        layout=layout,
    )
    return detections, np.array([one.person for _, one in flat], np.int64)


def write_predictions(
    path: Path,
    frames: list[list[Seen]],
    shape: str = 'list',
    first: int = 0,
    box: str = 'nested',
    columns: int = 2,
    meta: dict | None = None,
    indent: int | None = None,
) -> Path:
    """Write predictions.

    Args:
        path: File to write.
        frames: Who is seen in each.
        shape: ``list``, or ``dict`` with ``meta_info``.
        first: ``frame_id`` of the first frame.
        box: ``nested``, ``flat`` or ``none``.
        columns: 2, or 3 with the score and without ``keypoint_scores``.
        meta: ``meta_info`` of the dict.
        indent: Of the JSON text.
    """
    items = [
        {
            'frame_id': first + i,
            'instances': [_instance(one, box, columns) for one in seen],
        }
        for i, seen in enumerate(frames)
    ]
    content = items
    if shape == 'dict':
        content = {'meta_info': meta or {}, 'instance_info': items}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=indent), encoding='utf-8')
    return path


def _instance(one: Seen, box: str, columns: int) -> dict:
    keypoints, scores = one.keypoints.tolist(), one.scores.tolist()
    instance = {'keypoints': keypoints, 'keypoint_scores': scores}
    if columns == 3:
        both = [[*xy, score] for xy, score in zip(keypoints, scores)]
        instance = {'keypoints': both}
    if box != 'none':
        corners = one.box.tolist()
        instance['bbox'] = [corners] if box == 'nested' else corners
        instance['bbox_score'] = 0.9
    return instance


def coco_meta() -> dict:
    """``meta_info`` of a model for COCO keypoints."""
    names = get_layout('coco')
    return {
        'dataset_name': 'coco',
        'num_keypoints': len(names),
        'keypoint_id2name': {str(i): name for i, name in enumerate(names)},
    }

"""What MMPose would predict of simulated people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...recordings import PoseStream


def mmpose_frames(people: Sequence[PoseStream]) -> list[dict]:
    """Frames as MMPose's inferencer writes them, counted from 0.

    Args:
        people: Skeletons of everybody in the video, of the same frames; who
            has no keypoint in a frame is not seen there.
    """
    frames = []
    for frame in range(len(people[0].scores)):
        instances = [
            _instance(
                np.asarray(pose.keypoints[frame], dtype=np.float64),
                np.asarray(pose.scores[frame], dtype=np.float64),
            )
            for pose in people
            if (pose.scores[frame] > 0).any()
        ]
        frames.append({'frame_id': frame, 'instances': instances})
    return frames


def _instance(keypoints: np.ndarray, scores: np.ndarray) -> dict:
    seen = keypoints[scores > 0]
    box = np.concatenate([seen.min(axis=0), seen.max(axis=0)])
    return {
        'keypoints': keypoints.round(2).tolist(),
        'keypoint_scores': scores.round(4).tolist(),
        'bbox': [box.round(2).tolist()],
        'bbox_score': 0.9,
    }

"""A synchroniser of somebody else: when is there movement at all?

It needs two files of the package, ``synchronization/base.py`` for the
contract and ``recordings/streams.py`` for what it is given.
"""

import numpy as np

from mobind_mm.registry import TASK_UTILS
from mobind_mm.synchronization import ClipEvidence, Synchronizer, SyncResult


@TASK_UTILS.register_module()
class EnergySynchronizer(Synchronizer):
    """Correlate the speed-up of a sensor with that of all keypoints."""

    needs_streams, needs_feats = True, False

    def __init__(self, step_sec=0.02):
        self.step = step_sec

    def evidence(self, streams, feats, max_offset):
        reach = round(max_offset / self.step)
        offsets = np.arange(-reach, reach + 1) * self.step
        score, overlap = np.zeros(len(offsets)), np.zeros(len(offsets))
        if streams.pose is None:
            return ClipEvidence(offsets, score, overlap, usable=False)
        pose, clock = streams.pose, streams.pose.clock
        times = clock.at(slice(0, clock.num_samples))
        seen = (pose.scores > 0)[:, :, None]
        y = np.where(seen, pose.keypoints, np.nan)
        y = np.gradient(np.gradient(y, axis=0), axis=0)
        y = np.ma.masked_invalid(np.linalg.norm(y, axis=2))
        y = _normed(y.mean(axis=1).filled(0))
        for stream in streams.imu.values():
            at = stream.clock.at(slice(0, stream.clock.num_samples))
            acc = stream.channels['acc']
            x = np.linalg.norm(acc - acc.mean(axis=0), axis=1)
            x = np.convolve(x, np.ones(3) / 3, 'same')
            for i, offset in enumerate(offsets):
                inside = (times + offset >= at[0]) & (times + offset <= at[-1])
                there = _normed(np.interp(times + offset, at, x))
                score[i] += (there * y * inside).mean()
                overlap[i] = inside.sum() / clock.mean_rate
        return ClipEvidence(
            offsets, score, overlap, num_sensors=len(streams.imu)
        )

    def decide(self, clips):
        clips = [clip for clip in clips if clip.usable]
        total = sum(clip.score for clip in clips)
        if not np.any(total):
            return SyncResult(0.0, abstained=True, reason='weak')
        best = int(np.argmax(total))
        count = sum(clip.num_sensors for clip in clips)
        return SyncResult(
            float(clips[0].offsets[best]),
            confidence=float(np.clip(total[best] / count, 0, 1)),
            offsets=clips[0].offsets,
            log_posterior=total,
        )


def _normed(x):
    return (x - x.mean()) / max(x.std(), 1e-9)

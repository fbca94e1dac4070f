"""The published synchroniser: sub-windows vote for an offset."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..recordings import Recording
from ..registry import TASK_UTILS
from ..utils.arguments import check_choice, check_count, check_rate
from ..utils.similarity import (
    NO_SHARED_LIMB,
    cosine_similarity,
    window_similarity,
)
from .base import ClipEvidence, Feats, Synchronizer, SyncResult

LEVELS = ('window', 'token')


@TASK_UTILS.register_module()
class VoteSynchronizer(Synchronizer):
    """Vote of the most similar pairs of sub-windows.

    Every IMU sub-window is compared with every pose sub-window. The ``topk``
    most similar of each row and of each column vote, with their similarity,
    for the offset at which the two would coincide; the largest sum wins.
    Offsets are multiples of the sub-windows' stride, so even a perfect
    embedding is wrong by up to half of it. Pairs as similar as the last of
    the ``topk`` vote too; of equal sums the offset nearest to 0 wins, so a
    constant embedding answers 0. Offsets beyond ``max_offset`` are not
    candidates.

    Per-limb embeddings are compared over the limbs that both have. The
    ``confidence`` is the winner's share of all votes, which is not a
    calibrated probability. It abstains only if nothing can vote.

    Args:
        topk: Votes of each row and each column (published: 5).
        level: ``window`` compares the sub-windows of a clip that is longer
            than the model's window, as published. ``token`` compares the
            tokens of a clip of exactly one window, for short recordings.
        token_sec: Seconds that a token stands for, for ``token``.

    Raises:
        ValueError: If an argument is out of its range.

    Source: MoBind, synchronisation protocol.
    """

    needs_feats = True
    needs_streams = False

    def __init__(
        self, topk: int = 5, level: str = 'window', token_sec: float = 0.2
    ) -> None:
        self.topk = check_count('topk', topk)
        self.level = check_choice('level', level, LEVELS)
        self.token_sec = check_rate('token_sec', token_sec)

    def evidence(
        self, streams: Recording | None, feats: Feats | None, max_offset: float
    ) -> ClipEvidence:
        """Let the sub-windows of one clip vote.

        Args:
            streams: Not used.
            feats: ``imu_embedding`` and ``pose_embedding``, ``imu_mask``
                and ``pose_mask``, and ``window_starts``, evenly spaced;
                for ``level='token'`` the tokens of one window.
            max_offset: Largest possible offset in seconds.

        Returns:
            Votes per sub-window as ``score``; ``rows`` are the sum of the
            votes and whether there was any.

        Raises:
            ValueError: If the length of the clip does not suit ``level``,
                or the features are missing or not finite.
        """
        feats = {} if feats is None else feats
        if self.level == 'window':
            similarity, step = self._compare_windows(feats)
        else:
            similarity, step = self._compare_tokens(feats), self.token_sec
        lags, sums, any_vote = vote(similarity, self.topk)
        reach = int(max_offset / step) + 1
        while reach * step > max_offset + 1e-6:
            reach -= 1
        near = np.abs(lags) <= reach
        rows = np.zeros((3, 2 * reach + 1))
        rows[:, lags[near] + reach] = (
            sums[near],
            any_vote[near],
            (len(similarity) - np.abs(lags[near])) * step,
        )
        return ClipEvidence(
            offsets=np.arange(-reach, reach + 1) * step,
            score=rows[0] / len(similarity),
            overlap=rows[2],
            usable=bool(rows[1].any()),
            rows=rows[:2],
        )

    def decide(self, clips: Sequence[ClipEvidence]) -> SyncResult:
        """The offset with most votes, of all clips together."""
        votes = [clip.rows for clip in clips if clip.rows is not None]
        if not votes:
            return SyncResult(0.0, abstained=True, reason='weak')
        # What no pair of sub-windows covers cannot be voted for.
        covered = np.max([clip.overlap for clip in clips], axis=0) > 0
        rows = np.sum(votes, axis=0)[:, covered]
        offsets, sums, any_vote = clips[0].offsets[covered], rows[0], rows[1]
        order = np.argsort(np.abs(offsets), kind='stable')
        order = order[any_vote[order] > 0]
        if not len(order):
            return SyncResult(0.0, abstained=True, reason='weak')
        best = order[np.argmax(sums[order])]
        total = np.maximum(sums, 0).sum()
        share = max(sums[best], 0.0) / total if total > 0 else 0.0
        return SyncResult(
            offset=float(offsets[best]),
            confidence=float(share),
            offsets=offsets,
            log_posterior=sums,
        )

    def _compare_windows(self, feats: Feats) -> tuple[np.ndarray, float]:
        """Similarities (W, W) and the stride of the windows in seconds."""
        starts = np.asarray(feats.get('window_starts', ()), dtype=np.float64)
        steps = np.diff(starts)
        if len(steps) == 0 or np.ptp(steps) > 1e-6:
            raise ValueError(
                f'The vote needs evenly spaced sub-windows, at least two, '
                f'got starts {starts[:5].tolist()}... s. Cut clips longer '
                "than the model's window, or use level='token' for clips of "
                'one window.'
            )
        _check_given(feats, 'imu_embedding', 'pose_embedding')
        return window_similarity(feats), float(steps.mean())

    def _compare_tokens(self, feats: Feats) -> np.ndarray:
        """Similarities (N, N) of the tokens of one window."""
        _check_given(feats, 'imu_tokens', 'pose_tokens')
        imu, pose = feats['imu_tokens'], feats['pose_tokens']
        if len(imu) != 1:
            raise ValueError(
                f"level='token' compares the tokens of one window, got "
                f"{len(imu)} sub-windows; use level='window'."
            )
        imu_mask = np.broadcast_to(
            feats['imu_mask'][0][:, None], imu.shape[1:3]
        )
        return cosine_similarity(
            imu[0].swapaxes(0, 1),
            pose[0].swapaxes(0, 1),
            imu_mask.T,
            feats['pose_token_mask'][0].T,
        )


def _check_given(feats: Feats, imu: str, pose: str) -> None:
    if not {imu, pose} <= set(feats):
        raise ValueError(
            f'The vote compares {imu} and {pose} of the model, and the '
            f'features of this clip have {sorted(feats)} only.'
        )


def vote(
    similarity: np.ndarray, topk: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sum the votes for each diagonal of a similarity matrix.

    Args:
        similarity: (W, W'), of IMU sub-window i with pose sub-window j;
            :data:`NO_SHARED_LIMB` does not vote.
        topk: Votes of each row and each column.

    Returns:
        Offsets ``i - j`` (W + W' - 1,) ascending, the sum of the votes for
        each, and whether there was one.
    """
    votes = np.zeros(similarity.shape)
    count = np.zeros(similarity.shape, dtype=int)
    for axis in (0, 1):
        size = similarity.shape[axis]
        place = size - min(topk, size)
        least = np.partition(similarity, place, axis=axis)
        least = least.take([place], axis=axis)
        chosen = (similarity >= least) & (similarity > NO_SHARED_LIMB)
        votes += np.where(chosen, similarity, 0.0)
        count += chosen
    rows, columns = similarity.shape
    diagonal = np.arange(rows)[:, None] - np.arange(columns) + columns - 1
    diagonal, total = diagonal.ravel(), rows + columns - 1
    sums = np.bincount(diagonal, votes.ravel(), total)
    cast = np.bincount(diagonal, count.ravel(), total) > 0
    return np.arange(1 - columns, rows), sums, cast

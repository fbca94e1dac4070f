"""The label of a window in MMAction2's results."""

from __future__ import annotations


def set_label(results: dict) -> None:
    """Set ``label``.

    Raises:
        ValueError: If the window has none, which MMAction2 does not know.
    """
    if results['action'] < 0:
        raise ValueError(
            f'take {results["take"]!r} at {results["window_start"]:.3f} s '
            "has no action, and MMAction2's losses and metrics need one. "
            'Give the data set filter_cfg=dict(labelled=True), and keep '
            'RandomWindow inside the labelled segment (max_shift_sec) or '
            'leave it out.'
        )
    results['label'] = results['action']

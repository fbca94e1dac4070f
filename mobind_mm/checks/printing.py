"""A report as tables and as plain values."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .recordings import Report
from .stream_row import StreamRow

_CHANNELS = ('acc', 'gyro', 'quat', 'mag', 'x', 'y')


def print_report(
    report: Report, console: Console, max_rows: int | None = None
) -> None:
    """Print the streams, how sensors fit their limbs, and the mistakes.

    Args:
        report: What was found.
        console: Where to print.
        max_rows: Streams to print; None: all of them.
    """
    console.print(_stream_table(report.rows[:max_rows]))
    hidden = len(report.rows) - len(report.rows[:max_rows])
    if hidden:
        console.print(f'... and {hidden} more streams (--all-rows).')
    if report.fits:
        console.print(_fit_table(report))
    for placement, questions in sorted(report.unknown.items()):
        for question in questions:
            console.print(
                f'{placement}: {question}: not enough motion to tell.',
                soft_wrap=True,
            )
    for finding in report.findings:
        console.print(
            f'[bold red]mistake[/] {escape(str(finding))}', soft_wrap=True
        )
    count = len(report.findings)
    console.print(
        f'{count} likely mistake{"s" * (count != 1)}.'
        if count
        else 'No mistake found.'
    )


def _stream_table(rows: list[StreamRow]) -> Table:
    table = Table('take', 'stream', title='Streams', title_justify='left')
    for name in ('seconds', 'Hz', 'jitter ms', 'gaps'):
        table.add_column(name, justify='right')
    table.add_column('range')
    table.add_column('note')
    for row in rows:
        gaps = str(row.num_gaps)
        if row.num_gaps:
            gaps += f', {row.longest_gap:.2f} s'
        ranges = [
            f'{name} {low:.3g}..{high:.3g}'
            for name, (low, high) in row.ranges.items()
            if name in _CHANNELS and name != 'quat'
        ]
        notes = []
        if row.saturated:
            notes.append(f'{100 * row.saturated:.1f} % saturated')
        if row.stream == 'pose':
            notes.append(f'{100 * row.undetected:.1f} % undetected')
        table.add_row(
            escape(row.take),
            row.stream,
            f'{row.span[1] - row.span[0]:.1f}',
            f'{row.rate:.4g}',
            f'{1e3 * row.jitter:.2f}',
            gaps,
            ', '.join(ranges),
            ', '.join(notes),
        )
    return table


def _fit_table(report: Report) -> Table:
    table = Table(
        'sensor',
        title='Sensors and their limbs, all takes',
        title_justify='left',
    )
    table.add_column('evidence (nats)', justify='right')
    table.add_column('lag (s)', justify='right')
    for sensor, fit in report.fits.items():
        lag = f'{fit.lag:+.2f}' if fit.enough else 'not enough motion to tell'
        table.add_row(sensor, f'{fit.evidence:.1f}', lag)
    return table


def report_values(report: Report) -> dict[str, Any]:
    """A report as values that JSON knows."""
    return _plain(
        dict(
            num_findings=len(report.findings),
            findings=[dict(**asdict(f), text=str(f)) for f in report.findings],
            sensors={name: asdict(fit) for name, fit in report.fits.items()},
            not_enough_motion=report.unknown,
            streams=[asdict(row) for row in report.rows],
        )
    )


def _plain(value: Any) -> Any:
    """Lists, dicts, text and numbers; what is not finite becomes None."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    return value

"""The report of a check, as tables and as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ..utils.results import plain
from .finding import Finding
from .streams import StreamRow

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_CHANNELS = ('acc', 'gyro', 'mag', 'x', 'y')
"""Channels whose range is printed."""


@dataclass(frozen=True)
class SensorFit:
    """How a sensor fits its limb, over all takes.

    Args:
        evidence: Log likelihood ratio at the best offset.
        lag: That offset in seconds.
        enough: Whether there is enough motion to tell.
    """

    evidence: float
    lag: float
    enough: bool


@dataclass
class Report:
    """What a check found.

    Args:
        rows: One for each stream of each take.
        findings: Likely mistakes.
        fits: How each sensor fits its limb.
        unknown: Questions without an answer, by placement.
    """

    rows: list[StreamRow] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    fits: dict[str, SensorFit] = field(default_factory=dict)
    unknown: dict[str, list[str]] = field(default_factory=dict)


def print_report(
    report: Report, console: Console, max_rows: int | None = None
) -> None:
    """Print the streams, how sensors fit their limbs, and the mistakes.

    Args:
        report: What was found.
        console: Where to print.
        max_rows: Streams to print; None: all of them.
    """
    from rich.markup import escape

    console.print(_stream_table(report.rows[:max_rows]))
    hidden = len(report.rows) - len(report.rows[:max_rows])
    if hidden:
        console.print(f'... and {hidden} more streams (--all-rows).')
    if report.fits:
        console.print(_fit_table(report))
    for note in notes_in(report):
        console.print(f'note: {escape(note)}', soft_wrap=True)
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
        else 'No mistakes found.'
    )


def notes_in(report: Report) -> list[str]:
    """Notes on the streams, with take and stream, each once."""
    return list(
        dict.fromkeys(
            f'{row.take}.{row.stream}: {note.removeprefix(f"{row.stream}: ")}'
            for row in report.rows
            for note in row.notes
        )
    )


def _stream_table(rows: Sequence[StreamRow]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table('take', 'stream', title='Streams', title_justify='left')
    for name in ('seconds', 'Hz', 'jitter ms', 'gaps'):
        table.add_column(name, justify='right')
    table.add_column('range (m/s², rad/s, µT, pixels)')
    table.add_column('note')
    for row in rows:
        gaps = str(row.num_gaps)
        if row.num_gaps:
            gaps += f', {row.longest_gap:.2f} s'
        ranges = [
            f'{name} {_rounded(low)} to {_rounded(high)}'
            for name, (low, high) in row.ranges.items()
            if name in _CHANNELS
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


def _rounded(value: float) -> str:
    """Three digits, or all of those before the point."""
    return f'{value:.0f}' if abs(value) >= 100 else f'{value:.3g}'


def _fit_table(report: Report) -> Table:
    from rich.table import Table

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
    return plain(
        dict(
            num_findings=len(report.findings),
            findings=[dict(**asdict(f), text=str(f)) for f in report.findings],
            sensors={name: asdict(fit) for name, fit in report.fits.items()},
            not_enough_motion=report.unknown,
            notes=notes_in(report),
            streams=[asdict(row) for row in report.rows],
        )
    )

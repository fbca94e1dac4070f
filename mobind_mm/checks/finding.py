"""Likely mistakes, and the tables of rules that name them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from .reading import Reading, Signs

_SHOWN = 3
"""Takes that a finding lists by name."""


@dataclass(frozen=True)
class Finding:
    """A likely mistake in how recordings were described.

    Args:
        kind: Short name of the mistake, for scripts: ``acc_unit``, ...
        where: Placement, or ``pose``.
        message: What is seen, with the number that shows it.
        fix: Key of the own-data mapping and the value that fixes it.
        takes: Takes that have it; empty if all that can tell have it.
    """

    kind: str
    where: str
    message: str
    fix: str
    takes: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = self.where
        if self.takes:
            names = ', '.join(self.takes[:_SHOWN])
            more = len(self.takes) - _SHOWN
            names += f' and {more} more' if more > 0 else ''
            where += f' (only in {names})'
        return f'{where}: {self.message}. {self.fix}'


@dataclass(frozen=True)
class Opinion:
    """The answer to one question about one stream, or several together.

    Args:
        status: ``fine``, ``wrong`` or ``unknown`` (not enough motion).
        kind: See :class:`Finding`, if wrong.
        message: What is seen.
        fix: See :class:`Finding`.
        question: What was asked.
    """

    status: str
    kind: str = ''
    message: str = ''
    fix: str = ''
    question: str = ''

    @property
    def wrong(self) -> bool:
        """Whether it names a mistake."""
        return self.status == 'wrong'

    def finding(self, where: str, takes: tuple[str, ...] = ()) -> Finding:
        """The opinion as a finding."""
        return Finding(self.kind, where, self.message, self.fix, takes)


def findings_of_takes(
    where: str, opinions: Iterable[tuple[str, Opinion]]
) -> list[Finding]:
    """One finding for each kind of mistake that single takes have, by name."""
    by_kind: dict[str, list[tuple[str, Opinion]]] = {}
    for take, opinion in opinions:
        by_kind.setdefault(opinion.kind, []).append((take, opinion))
    return [
        rows[0][1].finding(where, tuple(take for take, _ in rows))
        for rows in by_kind.values()
    ]


@dataclass(frozen=True)
class Unit:
    """A unit that the numbers of a channel may be in.

    Args:
        key: Its name in the own-data mapping.
        factor: Factor to the unit of the format.
        seems: What is said of a channel that is in it.
    """

    key: str
    factor: float
    seems: str = ''


@dataclass(frozen=True)
class Rule:
    """A row of a table: what is said under a condition, and the fix.

    ``message`` and ``fix`` are templates: ``{e.level:.2f}`` is the level of
    the evidence.

    Args:
        when: Whether the rule applies to the evidence.
        kind: See :class:`Finding`; or ``fine`` or ``unknown``.
        message: See :class:`Finding`.
        fix: See :class:`Finding`.
        reading: The reading that fixes it.
    """

    when: Callable[[Any], Any]
    kind: str
    message: str = ''
    fix: str = ''
    reading: Callable[[Any], Reading] = lambda e: Reading()

    def opinion(self, evidence: Any) -> Opinion:
        """What the rule says of the evidence."""
        if self.kind in ('fine', 'unknown'):
            return Opinion(self.kind)
        message = self.message.format(e=evidence)
        fix = self.fix.format(e=evidence)
        return Opinion('wrong', self.kind, message, fix)


def judge(rules: Sequence[Rule], evidence: Any) -> tuple[Opinion, Reading]:
    """Opinion and reading of the first rule that applies."""
    rule = next(rule for rule in rules if rule.when(evidence))
    return rule.opinion(evidence), rule.reading(evidence)


def judge_all(rules: Sequence[Rule], evidence: Any) -> list[Opinion]:
    """Opinions of all rules that apply."""
    return [rule.opinion(evidence) for rule in rules if rule.when(evidence)]


_CHANGES = (
    Rule(
        lambda e: e.reading.quat_order == 'xyzw',
        'quat_order',
        'the scalar part of quat seems to be its last column ({e.seen})',
        'quat_order: xyzw',
    ),
    Rule(
        lambda e: e.reading.quat_order == 'wxyz',
        'quat_order',
        'the scalar part of quat seems to be its first column ({e.seen})',
        'quat_order: wxyz',
    ),
    Rule(
        lambda e: e.reading.inverse,
        'quat_direction',
        'quat seems to rotate from world to sensor ({e.seen})',
        'quat_direction: world_to_sensor (or sensor_to_world, if it says the '
        'former)',
    ),
    Rule(
        lambda e: e.reading.frame,
        'frame',
        'acc seems to be in the {e.reading.frame} frame ({e.seen})',
        'frame: {e.reading.frame}',
    ),
    Rule(
        lambda e: 0 < e.acc.count < 3,
        'acc_sign',
        'acc seems inverted along {e.acc.axes} ({e.seen})',
        'columns.acc: [{e.acc.columns}] ("-" negates a column)',
    ),
    Rule(
        lambda e: e.acc.count == 3,
        'acc_sign',
        'acc seems inverted along {e.acc.axes}, or z of the world frame of '
        'quat points down ({e.seen})',
        'columns.acc: [{e.acc.columns}] ("-" negates a column)',
    ),
    Rule(
        lambda e: e.gyro.count,
        'gyro_sign',
        'gyro seems inverted along {e.gyro.axes} ({e.seen})',
        'columns.gyro: [{e.gyro.columns}] ("-" negates a column)',
    ),
)


def name_changes(reading: Reading, seen: str) -> list[Opinion]:
    """One opinion for each change of frame, quaternion or axes."""
    evidence = SimpleNamespace(
        reading=reading,
        seen=seen,
        acc=_inverted(reading.acc_signs),
        gyro=_inverted(reading.gyro_signs),
    )
    return judge_all(_CHANGES, evidence)


def _inverted(signs: Signs) -> SimpleNamespace:
    """Axes with the sign -1, in words and as columns of the mapping."""
    axes = [axis for sign, axis in zip(signs, 'xyz') if sign < 0]
    columns = [f'"{"-" * (s < 0)}{axis}"' for s, axis in zip(signs, 'xyz')]
    return SimpleNamespace(
        count=len(axes),
        axes=' and '.join(axes) if len(axes) < 3 else 'x, y and z',
        columns=', '.join(columns),
    )

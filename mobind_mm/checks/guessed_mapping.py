"""A mapping of a table that was guessed, and why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

AXES = {'acc': 'xyz', 'gyro': 'xyz', 'mag': 'xyz', 'quat': 'wxyz'}
SENSED = ('acc', 'gyro')
GYRO = 'the unit of gyro'
"""How a doubt in it begins."""
AGAIN = re.compile(r'\.\d+$')
"""What pandas adds to a name of a column that is there already."""


@dataclass
class Guess:
    """A mapping, and why.

    Args:
        mapping: Content of a mapping of one file.
        reasons: Why a key is so, by its path, such as ``units.acc``.
        notes: What was not understood.
        doubts: Guesses without evidence, or against some, as sentences.
        columns: Names of the columns of numbers.
        labels: Names of columns, with the units that a row below gives.
        only_times: Whether the table has no other column than times.
        unplaced: Whether nothing says where its only sensor is worn.
        owners: ``where`` of the rows by whose they are, if a column says it.
        problem: Why the table cannot be read with this mapping.
    """

    mapping: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    only_times: bool = False
    unplaced: bool = False
    owners: dict[str, dict[str, str]] = field(default_factory=dict)
    problem: str = ''

    def set(self, key: str, value: Any, why: str) -> None:
        """Put a value at a path of the mapping, and why it is there."""
        node = self.mapping
        *above, last = key.split('.')
        for part in above:
            node = node.setdefault(part, {})
        node[last] = value
        self.reasons[key] = why


def to_yaml(guess: Guess, path: Path) -> str:
    """The mapping as YAML, with every guess marked in a comment."""
    lines = [
        f'# A first mapping of {path.name}. Lines with "guess" were guessed:',
        '# correct them, then use it with --mapping.',
    ]
    lines += [f'# {note}' for note in guess.notes]
    return '\n'.join([*lines, *_yaml(guess.mapping, guess.reasons), ''])


def _yaml(
    node: Mapping[str, Any], reasons: Mapping[str, str], above: str = ''
) -> list[str]:
    import yaml

    lines = []
    indent = '  ' * above.count('.')
    for key, value in node.items():
        place = f'{above}{key}'
        why = reasons.get(place)
        if why is None and not above.startswith('imu.'):
            why = reasons.get(place.removeprefix('sensor.'))
        comment = f'  # guess: {why}' if why else ''
        if isinstance(value, Mapping):
            lines.append(f'{indent}{key}:')
            lines += _yaml(value, reasons, f'{place}.')
        else:
            text = yaml.safe_dump(
                value, default_flow_style=True, width=10**6, allow_unicode=True
            ).removesuffix('...\n')
            lines.append(f'{indent}{key}: {text.strip()}{comment}')
    return lines

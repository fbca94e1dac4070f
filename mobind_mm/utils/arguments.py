"""Values of arguments: each check gives the value back, or raises."""

from __future__ import annotations

from collections.abc import Sequence


def check_rate(name: str, value: float) -> float:
    """A positive number, or ValueError."""
    if not value > 0:
        raise ValueError(f'{name} must be > 0, got {value}.')
    return float(value)


def check_amount(name: str, value: float) -> float:
    """A number >= 0, or ValueError."""
    if not value >= 0:
        raise ValueError(f'{name} must be >= 0, got {value}.')
    return float(value)


def check_prob(name: str, value: float) -> float:
    """A number in [0, 1], or ValueError."""
    if not 0 <= value <= 1:
        raise ValueError(f'{name} must be in [0, 1], got {value}.')
    return float(value)


def check_count(name: str, value: int) -> int:
    """A number >= 1, or ValueError."""
    if value < 1:
        raise ValueError(f'{name} must be at least 1, got {value}.')
    return value


def check_choice(name: str, value: str, choices: Sequence[str]) -> str:
    """One of some names, or ValueError.

    >>> check_choice('mode', 'tors', ('torso', 'bbox'))
    Traceback (most recent call last):
    ...
    ValueError: mode must be one of ('torso', 'bbox'), got 'tors'.
    """
    if value not in choices:
        raise ValueError(
            f'{name} must be one of {tuple(choices)}, got {value!r}.'
        )
    return value


def check_factors(name: str, value: Sequence[float]) -> tuple[float, float]:
    """A range (low, high) of positive factors, or ValueError."""
    if len(value) != 2 or not 0 < value[0] <= value[1]:
        raise ValueError(
            f'{name} must be (low, high) with 0 < low <= high, got {value}.'
        )
    return float(value[0]), float(value[1])

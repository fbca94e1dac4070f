"""Kills lose nothing but work since the last checkpoint."""

from pathlib import Path

import pytest
from programs import python

SCRIPT = Path(__file__).with_name('kill_table.py')


def table(*arguments):
    """Made by a process of its own, which forks before anything runs."""
    done = python(SCRIPT, *arguments)
    rows = [line for line in done.stdout.splitlines() if line[:2] == '| ']
    return rows[1:]


def test_killed_conversions():
    assert len(table('--kills', '6', '--conversions-only')) == 2


@pytest.mark.slow
def test_killed_studies():
    assert len(table('--kills', '6', '--study-only')) == 1


@pytest.mark.slow
def test_thirty_kills_of_each():
    rows = table('--kills', '30', '--seed', '1')
    assert len(rows) == 7
    assert all(int(row.split('|')[2].split()[0]) >= 30 for row in rows)

"""JSON whose values are of other types than a reader expects."""

import copy
import random

ODD = (
    None, True, -1, 0, 1e999, float('nan'), 10**30, 3.5, -1e9, 1e7, '', 'x',
    '9' * 400, [], {}, [1], {'a': 1}, [[[]]],
)  # fmt: skip


def mutations(value, seed, count):
    """Yield copies, one node of each removed, renamed or replaced.

    Nodes of every depth are as likely: of the deepest there are most.
    """
    rng = random.Random(seed)
    depths = {}
    for place in _places(value):
        depths.setdefault(len(place), []).append(place)
    for _ in range(count):
        place = rng.choice(depths[rng.choice([*depths])])
        yield _mutated(copy.deepcopy(value), place, rng)


def _places(value, path=()):
    yield path
    items = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, child in items:
        yield from _places(child, (*path, key))


def _mutated(value, path, rng):
    if not path:
        return rng.choice(ODD)
    parent = value
    for key in path[:-1]:
        parent = parent[key]
    chance = rng.random()
    if chance < 0.2 and isinstance(parent, dict):
        del parent[path[-1]]
    elif chance < 0.3 and isinstance(parent, dict):
        parent[rng.choice(['odd', '../odd', ''])] = parent.pop(path[-1])
    else:
        parent[path[-1]] = rng.choice(ODD)
    return value

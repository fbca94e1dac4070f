"""Which split a take of a mapping belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import values as v

SPLITS = ('train', 'val', 'test')
SPLIT = v.keys(
    {
        'by': v.choice('subject', 'scene', 'take'),
        **dict.fromkeys(SPLITS, v.list_of(v.text)),
    }
)
"""Keys of ``split`` at the top of a mapping."""


class Splits:
    """Splits by lists of subjects, scenes or takes, or take by take.

    Args:
        spec: Checked value of ``split``, None without one.
        where: File and key, for messages.

    Raises:
        ValueError: If a name is in two lists.
    """

    def __init__(self, spec: Mapping | None, where: str) -> None:
        self.where = where
        self.by = None
        self.table: dict[str, str] = {}
        if spec is None:
            return
        v.require(spec, ('by',), where, {'by': 'subject, scene or take'})
        self.by = spec['by']
        for split in SPLITS:
            for name in spec.get(split) or ():
                if name in self.table:
                    raise ValueError(
                        f'{where}.{split}: {name!r} is in '
                        f'{self.table[name]} already.'
                    )
                self.table[name] = split

    def of(self, texts: Mapping[str, str], where: str) -> str:
        """Split of a take, which its own ``split`` decides first.

        Args:
            texts: ``take``, ``subject``, ``scene`` and perhaps ``split``.
            where: File and key of the take, for messages.

        Raises:
            ValueError: If nothing says which.
        """
        if 'split' in texts:
            return v.choice(*SPLITS)(texts['split'], f'{where}.split')
        if self.by is None:
            raise ValueError(
                f'{where}: no split; add split: train, val or test to the '
                'take, or split: {by: subject, train: [...], test: [...]} '
                'at the top.'
            )
        name = texts[self.by]
        if name not in self.table:
            raise ValueError(
                f'{where}: {self.by} {name!r} is in no list of split. '
                f'{v.nearest(name, self.table)}Add it.'
            )
        return self.table[name]

    def check_names(self, takes: Sequence[Any]) -> None:
        """Check that every listed name is one of a take's.

        Raises:
            ValueError: Naming the first that is not: it is misspelt.
        """
        attribute = 'name' if self.by == 'take' else self.by
        known = {getattr(take, attribute) for take in takes} if self.by else ()
        for name, split in self.table.items():
            if name not in known:
                raise ValueError(
                    f'{self.where}.{split}: no take has the {self.by} '
                    f'{name!r}. {v.nearest(name, known)}Correct it.'
                )

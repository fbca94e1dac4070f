"""Placeholders such as ``{take}`` in names of files and takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_FIELD = re.compile(r'\{(\w+)\}')
_NAME = re.compile(r'\w[\w.-]*')
_MAX_FILES = 100_000


def fill(value: Any, fields: Mapping[str, str], where: str) -> Any:
    """Replace placeholders in all texts of a value.

    ``columns`` are left alone: their placeholder is a keypoint.

    Raises:
        ValueError: If a field is unknown.
    """
    if isinstance(value, str):
        for name in _FIELD.findall(value):
            if name not in fields:
                raise ValueError(
                    f'{where}: {value!r} has the placeholder {{{name}}}; '
                    f'known are {", ".join(fields) or "none"}.'
                )
        return _FIELD.sub(lambda match: fields[match[1]], value)
    if isinstance(value, dict):
        return {
            k: v if k == 'columns' else fill(v, fields, f'{where}.{k}')
            for k, v in value.items()
        }
    if isinstance(value, list):
        return [fill(v, fields, f'{where}[{i}]') for i, v in enumerate(value)]
    return value


def check_take_name(name: str, where: str) -> str:
    """A name that can be part of a file name."""
    if not _NAME.fullmatch(name) or len(name) > 150:
        raise ValueError(
            f'{where}: take {name[:160]!r} must be letters, digits, _ . or '
            '-, because files are named after it.'
        )
    return name


def find_fields(root: Path, pattern: str, where: str) -> list[dict[str, str]]:
    """Values of the placeholders, for each file that fits a pattern.

    Args:
        root: Directory to search.
        pattern: Path below it with placeholders and ``*``; each stands for
            one or more (``*``: any number of) characters but ``/``, the
            first ones for as few as possible.
        where: File and key of the pattern, for messages.

    Raises:
        ValueError: If the pattern is not usable or no file fits.
    """
    if pattern.startswith('/') or '..' in pattern or '**' in pattern:
        raise ValueError(
            f'{where}: {pattern!r} must be a path below root without .. or '
            '**; set root.'
        )
    if not _FIELD.search(pattern):
        raise ValueError(
            f"{where}: {pattern!r} has no placeholder, such as '{{take}}'."
        )
    regex = _regex(pattern)
    glob = _FIELD.sub('*', re.sub(r'([\[\]?])', r'[\1]', pattern))
    found = []
    for path in sorted(root.glob(glob)):
        match = regex.fullmatch(path.relative_to(root).as_posix())
        if match and path.is_file():
            found.append(match.groupdict())
        if len(found) > _MAX_FILES:
            raise ValueError(f'{where}: more than {_MAX_FILES} files fit.')
    if not found:
        raise ValueError(
            f'{where}: no file fits {pattern!r} below {root}; correct '
            'pattern or root.'
        )
    return found


def _regex(pattern: str) -> re.Pattern:
    """Regular expression; a repeated placeholder must repeat its text."""
    parts, seen = [], set()
    for index, part in enumerate(_FIELD.split(pattern)):
        if index % 2 and part in seen:
            parts.append(f'(?P={part})')
        elif index % 2:
            seen.add(part)
            parts.append(f'(?P<{part}>[^/]+?)')
        else:
            parts.append(re.escape(part).replace(r'\*', '[^/]*'))
    return re.compile(''.join(parts))

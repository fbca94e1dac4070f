"""Read YAML that somebody wrote by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

_MAX_BYTES = 10_000_000
_MAX_KEYS = 10_000


class _Loader(yaml.SafeLoader):
    """The safe loader, which also refuses a key that is there twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict:
        """Check the keys, then construct."""
        if isinstance(node, yaml.MappingNode):
            seen = set()
            for key_node, _ in node.value:
                key = (key_node.tag, str(key_node.value)[:200])
                if key in seen and not key_node.tag.endswith(':merge'):
                    line = key_node.start_mark.line + 1
                    raise ValueError(
                        f'key {key[1]!r} is there twice, line {line}'
                    )
                seen.add(key)
        return super().construct_mapping(node, deep)

    def flatten_mapping(self, node: Any) -> None:
        """Merge ``<<``; nested merges can double the keys each time."""
        super().flatten_mapping(node)
        if len(node.value) > _MAX_KEYS:
            raise ValueError(f'more than {_MAX_KEYS} keys in one mapping')


def read_yaml(path: str | Path) -> dict:
    """Read a mapping; nothing in it can execute code.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: Naming file, line and mistake.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist; give a YAML file.')
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f'{path} is larger than {_MAX_BYTES} bytes.')
    try:
        content = yaml.load(
            path.read_text(encoding='utf-8-sig'), Loader=_Loader
        )
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f', line {mark.line + 1}' if mark else ''
        raise ValueError(
            f'{path}{line}: not YAML ({error.problem}). Check indentation, '
            'colons and quotes there.'
        ) from None
    except Exception as error:  # values that the loader cannot make
        reason = ' '.join(str(error).split())[:200] or type(error).__name__
        raise ValueError(f'{path}: not YAML ({reason}).') from None
    if not isinstance(content, dict):
        raise ValueError(
            f'{path} holds {type(content).__name__}, expected a mapping with '
            'takes.'
        )
    return content

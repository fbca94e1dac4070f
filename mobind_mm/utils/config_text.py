"""Read the config text of a checkpoint without executing it."""

from __future__ import annotations

import ast
import re
import sys
from typing import Any

from mmengine.config import Config

MOST_CHARACTERS = 1_000_000
"""Of a config; that of the largest model here has 20,000."""
_DEEPEST = 50
"""Levels of brackets; ours have about ten."""


def parse_config_text(text: str, source: str) -> Config:
    """Parse ``Config.pretty_text``: assignments of literals.

    ``Config.fromstring`` runs the text as a program, which a checkpoint
    from elsewhere must not be able to do. Only names, literals and calls of
    ``dict`` with keywords are understood here.

    Args:
        text: The config text.
        source: Its name in the message, usually the file.

    Raises:
        ValueError: Naming the first line with anything else, or if it is
            too long or too deep to be a config.

    >>> parse_config_text('model = dict(type="MoBind", dim=8)', 'a.pth').model
    {'type': 'MoBind', 'dim': 8}
    """
    if not isinstance(text, str):
        raise ValueError(
            f'The config in {source} is a {type(text).__name__}, expected '
            'text.'
        )
    if len(text) > MOST_CHARACTERS:
        raise ValueError(
            f'The config in {source} has {len(text):,} characters; no config '
            f'has more than {MOST_CHARACTERS:,}.'
        )
    try:
        _check_depth(text)
        values = {}
        for node in ast.parse(text).body:
            if not isinstance(node, ast.Assign) or len(node.targets) != 1:
                raise _refusal(node)
            target = node.targets[0]
            if not isinstance(target, ast.Name):
                raise _refusal(node)
            values[target.id] = _value(node.value)
    except (SyntaxError, ValueError) as error:
        raise ValueError(
            f'The config in {source} is not plain data: {error}.'
        ) from error
    except (MemoryError, RecursionError):  # of the parser: -------…1
        raise ValueError(
            f'The config in {source} is not plain data: it is nested too '
            'deeply.'
        ) from None
    return Config(values)


def _check_depth(text: str) -> None:
    depth = 0
    for match in re.finditer(r'[\[({]|[])}]', text):
        depth += 1 if match[0] in '[({' else -1
        if depth > _DEEPEST:
            line = text.count('\n', 0, match.start()) + 1
            raise ValueError(
                f'line {line}: more than {_DEEPEST} levels of brackets'
            )


def check_resumable_text(text: str, source: str) -> None:
    """Refuse a config text that is unsafe to resume from.

    MMEngine 0.10.7 runs the text when it resumes, and follows ``_base_`` and
    ``custom_imports`` in it. What the running config imported itself is
    allowed.

    Raises:
        ValueError: Naming what it asks for.
    """
    cfg = parse_config_text(text, source)
    asked = cfg.get('custom_imports') or {}
    names = asked.get('imports', ()) if isinstance(asked, dict) else asked
    names = [names] if isinstance(names, str) else names
    wrong = [repr(n) for n in names if n not in sys.modules]
    if '_base_' in cfg:
        wrong.append('_base_')
    if wrong:
        raise ValueError(
            f'The config in {source} asks for {wrong[0][:80]}, which would '
            'be imported on resuming. Add it to custom_imports of your '
            'config if you trust it, or start from the weights alone with '
            '--load-from.'
        )


def _value(node: ast.expr) -> Any:
    """Value of a literal, with ``dict(a=1)`` admitted at any depth."""
    if isinstance(node, ast.Call):
        named = all(k.arg for k in node.keywords) and not node.args
        if ast.unparse(node.func) != 'dict' or not named:
            raise _refusal(node)
        return {k.arg: _value(k.value) for k in node.keywords}
    if isinstance(node, ast.Dict):
        keys = [key for key in node.keys if key is not None]
        if len(keys) == len(node.keys):  # no **unpacking
            return {
                ast.literal_eval(key): _value(value)
                for key, value in zip(keys, node.values)
            }
    if isinstance(node, ast.List):
        return [_value(item) for item in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_value(item) for item in node.elts)
    if isinstance(node, ast.Set):
        return {_value(item) for item in node.elts}
    return ast.literal_eval(node)


def _refusal(node: ast.expr | ast.stmt) -> ValueError:
    return ValueError(f'line {node.lineno}: {ast.unparse(node)[:80]!r}')

"""Read the config text of a checkpoint without executing it."""

from __future__ import annotations

import ast
from typing import Any

from mmengine.config import Config


def parse_config_text(text: str, source: str) -> Config:
    """Parse ``Config.pretty_text``: assignments of literals.

    ``Config.fromstring`` runs the text as a program, which a checkpoint
    from elsewhere must not be able to do. Only names, literals and calls of
    ``dict`` with keywords are understood here.

    Args:
        text: The config text.
        source: Its name in the message, usually the file.

    Raises:
        ValueError: Naming the first line with anything else.

    >>> parse_config_text('model = dict(type="MoBind", dim=8)', 'a.pth').model
    {'type': 'MoBind', 'dim': 8}
    """
    try:
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
    return Config(values)


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

"""Names that are imported on first use (PEP 562), or all at once."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any


def lazy_names(package: str) -> tuple[list[str], Callable[[str], Any]]:
    """``__all__`` and ``__getattr__`` of a package with lazy names.

    The names are those that it imports ``if TYPE_CHECKING``, which only type
    checkers run: from its modules, or modules themselves.
    """
    tree = ast.parse(inspect.getsource(sys.modules[package]))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    modules = {n.name: node.module for node in imports for n in node.names}

    def __getattr__(name: str) -> Any:  # noqa: N807
        if name not in modules:
            raise AttributeError(
                f'module {package!r} has no attribute {name!r}'
            )
        module = modules[name]
        value = import_module(f'{package}.{module or name}')
        if module:
            value = getattr(value, name)
        setattr(sys.modules[package], name, value)
        return value

    return sorted(modules), __getattr__


def import_all(package: str) -> None:
    """Import a package of this one, and its lazy names as well."""
    module = import_module(package)
    if '__getattr__' in vars(module):
        for name in module.__all__:
            getattr(module, name)


_MODULES = (
    'apis', 'datasets', 'engine', 'evaluation', 'models', 'synchronization',
    'visualization',
)  # fmt: skip


def register_all_modules(init_default_scope: bool = True) -> None:
    """Import every module that registers something.

    Args:
        init_default_scope: Make ``mobind_mm`` the scope in which names
            without a scope are looked for.
    """
    for name in _MODULES:
        import_all(f'mobind_mm.{name}')
    if init_default_scope:
        from mmengine.registry import init_default_scope as init_scope

        init_scope('mobind_mm')

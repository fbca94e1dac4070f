"""What OpenMMLab's tools call to make a package's modules known."""

from __future__ import annotations

from .lazy import import_all

_MODULES = (
    *('apis', 'datasets', 'engine', 'evaluation', 'models'),
    *('synchronization', 'visualization'),
)


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

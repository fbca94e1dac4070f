"""MMEngine's runner, which announces a run that can start."""

from __future__ import annotations

from typing import Any

from mmengine.runner import Runner

__all__ = ['CheckedRunner']


class CheckedRunner(Runner):
    """Logs environment and configuration when everything has been built.

    MMEngine's runner logs some 350 lines first, above which a user has to
    find what is wrong with a path or an argument. Here the model, the data
    sets, the optimiser and the loops of the run come first.
    """

    _announced = False

    def _log_env(self, env_cfg: dict) -> None:
        """Remember what to log."""
        self._env_cfg = env_cfg

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        """Log before the first hook of a run, then call the hooks."""
        if fn_name == 'before_run' and not self._announced:
            self._announced = True
            super()._log_env(self._env_cfg)
        super().call_hook(fn_name, **kwargs)

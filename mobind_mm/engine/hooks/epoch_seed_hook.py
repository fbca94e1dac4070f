"""Make a resumed training draw what an uninterrupted one draws."""

from mmengine.hooks import Hook
from mmengine.runner import Runner, set_random_seed

from ...registry import HOOKS


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seed the main process at the start of every training epoch.

    MMEngine seeds once, so after ``--resume`` the random numbers start
    over from those of the first epoch. Seeded by epoch, a training that is
    resumed at the end of an epoch equals an uninterrupted one. Workers take
    part through ``seed_worker``, unless they persist: then they keep a
    state of their own.
    """

    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed Python, NumPy and PyTorch with seed and epoch."""
        # A prime keeps the epochs of neighbouring seeds apart.
        seed = (runner.seed + 1_000_003 * runner.epoch) % 2**31
        set_random_seed(seed, diff_rank_seed=True)

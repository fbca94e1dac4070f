"""Workers draw other numbers in every epoch, the same in every run."""

import numpy as np
from mmengine.runner import Runner, set_random_seed
from torch.utils.data import Dataset


class Draws(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return np.random.random()


def draw_epochs(persistent, **inherited):
    loader = Runner.build_dataloader(
        dict(
            batch_size=1,
            num_workers=2,
            persistent_workers=persistent,
            sampler=dict(type='DefaultSampler', shuffle=False),
            worker_init_fn=dict(type='mobind_mm.seed_worker', **inherited),
            dataset=Draws(),
        ),
        seed=0,
    )
    epochs = []
    for epoch in range(2):
        set_random_seed(epoch)  # as EpochSeedHook does
        epochs.append([batch[0] for batch in loader])
    return epochs


def test_epochs_differ_and_runs_agree():
    first = draw_epochs(False)
    assert len({*first[0], *first[1]}) == 8
    assert draw_epochs(False) == first
    one, two = draw_epochs(True)
    assert len({*one, *two}) == 8


def test_inherited_from_the_package():
    """As in a config with `_base_ = 'mobind_mm::…'`."""
    assert draw_epochs(False, _scope_='mobind_mm') == draw_epochs(False)

"""Leave one subject out: split the recordings of a config by subject."""

from __future__ import annotations

import copy
import inspect
import math
import statistics
import warnings
from collections.abc import Iterator, Mapping, Sequence

from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope

from mobind_mm.datasets import IMUPoseDataset
from mobind_mm.registry import DATASETS

_SOURCE = {'self', 'kwargs', 'ann_file', 'data_root', 'data_prefix', 'type'}
_WINDOWING = {
    name
    for base in (IMUPoseDataset, BaseDataset)
    for name in inspect.signature(base.__init__).parameters
} - _SOURCE
"""Arguments that say how a dataset shows recordings, not which ones."""


class SubjectFolds:
    """The recordings of a config's datasets, by subject.

    All recordings of the training, validation and test sets are pooled.
    Windows of training keep the pipeline and windowing of the config's
    training set, those of the test the ones of its test set.

    Args:
        cfg: Config with ``train_dataloader``, ``test_dataloader`` and
            optionally ``val_dataloader``.

    Raises:
        ValueError: If there are fewer than two subjects, a recording has no
            subject, or is in two of the sources.

    Warns:
        UserWarning: If all folds start from the same weights, which may
            have seen the subject that is left out.
    """

    def __init__(self, cfg: Config) -> None:
        self.cfg = cfg
        init_default_scope(cfg.get('default_scope', 'mobind_mm'))
        self.sources: list[tuple[dict, set[str]]] = []
        """Dataset arguments that name recordings, and their subjects."""
        sources: list[dict] = []
        for split in ('train', 'val', 'test'):
            loader = cfg.get(f'{split}_dataloader') or {}
            for leaf in _leaves(loader.get('dataset')):
                source = {k: leaf[k] for k in leaf if k not in _WINDOWING}
                if source not in sources:
                    sources.append(source)
        self._subject_of: dict[tuple, str] = {}
        for source in sources:
            self.sources.append((source, self._read(source)))
        self.subjects = sorted(set(self._subject_of.values()), key=_natural)
        weights = cfg.get('load_from')
        if weights and '{subject}' not in weights:
            warnings.warn(
                f'All folds start from load_from={weights!r}. If it was '
                f'trained on any of the subjects {self.subjects}, that '
                'subject is not left out; give weights by fold, with '
                "'{subject}' in place of the name.",
                stacklevel=2,
            )
        if len(self.subjects) < 2:
            raise ValueError(
                f'Leaving one subject out needs two subjects at least, the '
                f'datasets of the config have {self.subjects}.'
            )

    def _read(self, source: Mapping) -> set[str]:
        """Subjects of a source; every recording must be new."""
        dataset = DATASETS.build(dict(copy.deepcopy(source), lazy_init=True))
        subjects = set()
        for entry in dataset.load_entries():
            where = source.get('ann_file') or source
            key = (source.get('data_root'), entry['take'], entry.get('camera'))
            if entry.get('subject') is None:
                raise ValueError(
                    f'{where}: take {entry["take"]!r} has no subject.'
                )
            if key in self._subject_of:
                raise ValueError(
                    f'{where}: take {entry["take"]!r} (camera '
                    f'{entry.get("camera")!r}) is in another annotation file '
                    'of the config too; it could be on both sides of a fold.'
                )
            self._subject_of[key] = str(entry['subject'])
            subjects.add(str(entry['subject']))
        return subjects

    def config(self, subject: str) -> Config:
        """Config that trains on the other subjects and tests on this one.

        A gallery of the test set holds the training subjects. There is no
        validation, and nothing is chosen by it: the last weights are
        tested. ``{subject}`` in ``load_from`` stands for the subject.

        Raises:
            ValueError: If the config has no test set without a gallery.
        """
        others = [s for s in self.subjects if s != subject]
        cfg = copy.deepcopy(self.cfg)
        train = cfg.train_dataloader
        (template, *_) = _leaves(train.dataset)
        train.dataset = _replace(train.dataset, self._of(template, others))
        tested: list[dict] = []
        sides: dict[str, dict] = {}
        for leaf in _leaves(cfg.test_dataloader.dataset):
            sides.setdefault(leaf.get('role', 'query'), leaf)
        if 'query' not in sides:
            raise ValueError("The test set has no dataset of role 'query'.")
        if 'gallery' in sides:
            tested += self._of(sides['gallery'], others)
        tested += self._of(sides['query'], [subject])
        cfg.test_dataloader.dataset = _joined(tested)
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
        # Further tasks of the test have datasets of their own.
        cfg.test_cfg = dict(type='TestLoop')
        hooks = cfg.get('default_hooks', {})
        hooks.pop('early_stopping', None)
        if 'checkpoint' in hooks:
            hooks.checkpoint.save_best = None
        if cfg.get('load_from'):
            cfg.load_from = cfg.load_from.replace('{subject}', subject)
        return cfg

    def _of(self, template: Mapping, subjects: Sequence[str]) -> list[dict]:
        """The template over all sources that have some of the subjects."""
        result = []
        for source, present in self.sources:
            kept = [s for s in subjects if s in present]
            if kept:
                shown = {k: template[k] for k in template if k in _WINDOWING}
                wanted = dict(template.get('filter_cfg') or {}, subjects=kept)
                result.append(dict(source, **shown) | {'filter_cfg': wanted})
        return result


def check_disjoint(cfg: Config) -> None:
    """Check that no subject and no recording is on both sides of a fold.

    Raises:
        RuntimeError: If one is: a fault of this module.
    """
    tested, trained = [], list(_entries(cfg.train_dataloader.dataset))
    for leaf in _leaves(cfg.test_dataloader.dataset):
        side = trained if leaf.get('role') == 'gallery' else tested
        side += _entries(leaf)
    for key in ('subject', 'take'):
        shared = {e[key] for e in trained} & {e[key] for e in tested}
        if shared:
            raise RuntimeError(f'{key} {sorted(shared)} on both sides.')


def summarize(
    folds: Mapping[str, Mapping[str, float | None]],
) -> dict[str, dict[str, float]]:
    """Mean and sample standard deviation of every metric over the folds.

    Metrics that a fold lacks, or that are not finite there, are left out.

    Args:
        folds: Metrics by subject.

    Returns:
        ``mean`` and ``std``, each by metric; counts (``num_…``) excluded.
    """
    first = next(iter(folds.values()))
    result: dict[str, dict[str, float]] = {'mean': {}, 'std': {}}
    for key in first:
        values = [metrics.get(key) for metrics in folds.values()]
        finite = all(v is not None and math.isfinite(v) for v in values)
        if key.rpartition('/')[2].startswith('num_') or not finite:
            continue
        result['mean'][key] = statistics.fmean(values)
        if len(values) > 1:
            result['std'][key] = statistics.stdev(values)
    return result


def _entries(node: Mapping) -> Iterator[dict]:
    """Entry of each window that a dataset keeps."""
    for leaf in _leaves(node):
        dataset = DATASETS.build(dict(copy.deepcopy(leaf), lazy_init=True))
        dataset.data_list = dataset.load_data_list()
        yield from (window['entry'] for window in dataset.filter_data())


def _leaves(node: Mapping | None) -> Iterator[Mapping]:
    """Dataset configs that read recordings, however they are wrapped."""
    if node is None:
        return
    children = node.get('datasets') or (
        [node['dataset']] if 'dataset' in node else []
    )
    if not children:
        yield node
    for child in children:
        yield from _leaves(child)


def _replace(node: Mapping, leaves: list[dict]) -> dict:
    """Put other recordings into a wrapped dataset."""
    if 'dataset' in node:
        return dict(node, dataset=_replace(node['dataset'], leaves))
    return _joined(leaves)


def _joined(leaves: list[dict]) -> dict:
    if len(leaves) == 1:
        return leaves[0]
    return dict(type='ConcatDataset', datasets=leaves)


def _natural(name: str) -> tuple:
    """Sort key: numbers by value, before other names."""
    return (0, int(name), name) if name.isdigit() else (1, 0, name)

"""A trained model with all that it needs to look at recordings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Sized
from pathlib import Path
from typing import Any, cast

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from torch.utils.data import DataLoader

from ..checks.plausibility import settle_inputs
from ..datasets.imu_pose_dataset import IMUPoseDataset
from ..datasets.transforms import KeepSensors
from ..evaluation.embedding_table import (
    EMBEDDINGS,
    MASKS,
    TOKENS,
    Table,
    stack_rows,
)
from ..evaluation.metrics.embedding_metric import embedding_row
from ..recordings import Recording, common_span, notes_of
from ..utils.errors import mistake
from .fitting import fit_sensors
from .model import init_model
from .model_zoo import find_model
from .takes import Takes, named_takes
from .windows import ClipFeatures, Preparation, RecordingWindows

PER_LIMB = (*MASKS, *TOKENS, 'pose_token_mask')
"""Fields of a window whose first axis is that of the limbs."""
BATCH = 64
"""Windows that are encoded together, if nobody says otherwise."""


class Embedder:
    """Embeds recordings: what the tasks need of a model, and nothing else.

    Args:
        model: Name of a model of the zoo, a config file or object, or a
            checkpoint that carries its config. None takes ``weights``, or
            else the model that ships with the package.
        weights: Checkpoint, if ``model`` is a config, or of another model.
        device: ``cpu``, ``cuda:0`` and so on; None takes the best.
        show_progress: Whether to show a progress bar on standard error.
        check: Whether to look for mistakes in what is given, see
            :func:`~mobind_mm.checks.settle_inputs`.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If there is no such model, or config and weights do not
            fit.
    """

    def __init__(
        self,
        model: str | Path | Config | None = None,
        weights: str | Path | None = None,
        device: str | None = None,
        show_progress: bool = True,
        check: bool = True,
    ) -> None:
        self.check = check
        self.name, config, weights = find_parts(model, weights)
        model = init_model(config, weights, device or get_device())
        self.model = cast(Any, model)
        self.cfg: Config = self.model.cfg
        self.show_progress = show_progress
        self.preparation = Preparation.of(self.cfg, self.name, self.model)
        self.classes = list((self.model.dataset_meta or {}).get('classes', ()))

    def embed(
        self,
        inputs: Any,
        stride_sec: float | None = None,
        batch_size: int = BATCH,
        tokens: bool = False,
    ) -> list[dict[str, Any]]:
        """Embed the windows of recordings.

        Args:
            inputs: One recording, a list, or a mapping of names to them.
            stride_sec: Seconds between windows; None: one after the other.
            batch_size: Windows that are encoded together.
            tokens: Also return the tokens, unit vectors in float16.

        Returns:
            For each recording ``name``, ``window_start`` (W,) seconds on
            its clock, ``window_sec``, ``imu`` and ``pose`` (W, D), or
            (W, S, D) of a per-limb model, ``imu_mask`` and ``pose_mask``
            (W, S), whether a limb was there, and ``placements``, their S
            names; ``notes``, what was assumed, left out or repaired; with
            ``tokens`` also ``imu_tokens`` and ``pose_tokens``
            (W, S, N, D) and ``pose_token_mask`` (W, S, N).

        Raises:
            ValueError: If a recording is shorter than a window, lacks a
                channel, or the model gives no embeddings.
        """
        takes, classes = named_takes(inputs)
        takes, notes = self.prepared(takes)
        metainfo = {'classes': classes} if classes else None
        keys = ['imu_mask', 'pose_mask']
        if tokens:
            keys += ['imu_tokens', 'pose_tokens', 'pose_token_mask']
        # Windows of one length are encoded together.
        lengths = {
            name: self.window_sec({name: takes[name]})[0] for name in takes
        }
        tables = {}
        for seconds in dict.fromkeys(lengths.values()):
            part = {n: takes[n] for n in takes if lengths[n] == seconds}
            windows = self.windows(
                part, stride_sec, window_sec=seconds, metainfo=metainfo
            )
            tables[seconds] = self.embed_windows(windows, batch_size, tokens)
        answers = []
        for name in takes:
            table = tables[lengths[name]]
            rows = table['take'] == name
            answer = {
                'name': name,
                'window_start': table['window_start'][rows].astype(float),
                'window_sec': lengths[name],
                'placements': self.preparation.placements,
                'imu': table['imu_embedding'][rows],
                'pose': table['pose_embedding'][rows],
                'notes': notes[name],
            }
            answer.update({key: table[key][rows] for key in keys})
            answers.append(answer)
        return answers

    def settled(self, recording: Recording) -> Recording:
        """A recording whose certain mistakes are corrected, with notes.

        Raises:
            ValueError: If something seems wrong that the user must settle.
        """
        if not self.check:
            return recording
        return Recording(*settle_inputs(recording.imu, recording.pose))

    def prepared(self, takes: Takes) -> tuple[Takes, dict[str, list[str]]]:
        """Recordings that the model can take, and the notes on them.

        Those of a data set are not looked through: ``mobind check`` is for
        them.

        Args:
            takes: Name to entry and recording.

        Raises:
            ValueError: If something seems wrong that the user must settle.
        """
        wanted = self.preparation
        ready: Takes = {}
        notes: dict[str, list[str]] = {}
        for name, (entry, recording) in takes.items():
            if 'take' not in entry:  # none of a data set
                recording = self.settled(recording)
            imu, about = fit_sensors(
                recording.imu, wanted.placements, wanted.imu_channels
            )
            if recording.imu and not imu and recording.pose is None:
                raise mistake(name, 'no sensor is left', ' '.join(about)[:-1])
            notes[name] = notes_of(recording, about)
            ready[name] = entry, Recording(imu, recording.pose)
        return ready, notes

    def window_sec(self, *groups: Takes) -> tuple[float, list[str]]:
        """Length of windows that all recordings hold, and a note on it.

        Args:
            *groups: Recordings that are compared. Those below the model's
                shortest window do not count.

        Returns:
            Seconds, and a note if they are fewer than the model's own.
        """
        longest = self.preparation.window_sec
        held = {}
        for group in groups:
            for name, (_, recording) in group.items():
                start, end = common_span(recording)
                if seconds := self.preparation.window_for(end - start):
                    held[name] = seconds
        if not held or min(held.values()) >= longest:
            return longest, []
        name = min(held, key=lambda name: held[name])
        seconds = held[name]
        return seconds, [
            f'{name}: it is shorter than {longest:g} s, so windows of '
            f'{seconds:g} s are compared.'
        ]

    def windows(
        self,
        takes: Mapping[str, tuple],
        stride_sec: float | None = None,
        limbs: Sequence[str] | None = None,
        window_sec: float | None = None,
        **kwargs: Any,
    ) -> RecordingWindows:
        """Windows of recordings as the model takes them.

        Args:
            takes: See :class:`RecordingWindows`, like ``kwargs``.
            stride_sec: Seconds between windows.
            limbs: Mask all other sensors and limbs.
            window_sec: Length of a window; None: that of the model.
            **kwargs: Of :class:`RecordingWindows`.
        """
        seconds = window_sec or self.preparation.window_sec
        pipeline = list(self.preparation.transforms)
        if limbs:
            pipeline.insert(0, KeepSensors(limbs, limbs_too=True))
        return RecordingWindows(
            takes,
            window_sec=seconds,
            stride_sec=stride_sec or seconds,
            min_label_overlap=self.preparation.min_label_overlap,
            pipeline=pipeline,
            **kwargs,
        )

    def embed_windows(
        self,
        windows: IMUPoseDataset,
        batch_size: int = BATCH,
        tokens: bool = False,
        limbs: Sequence[str] | None = None,
    ) -> Table:
        """Table of the embeddings of windows.

        Args:
            windows: The windows.
            batch_size: How many are encoded together.
            tokens: Keep the tokens too.
            limbs: Keep the tokens and masks of these limbs only.

        Raises:
            ValueError: If the model gives no embeddings.
        """
        rows = []
        places = self.preparation.placements
        kept = [places.index(limb) for limb in limbs or ()]
        for sample in self.predict(windows, batch_size):
            if 'imu_embedding' not in sample:
                raise ValueError(
                    f'{self.name} is a {type(self.model).__name__}, which '
                    'gives no embeddings; use a MoBind checkpoint.'
                )
            if limbs is not None:
                per_limb = [key for key in sample if key in PER_LIMB]
                if sample['imu_embedding'].ndim == 2:
                    per_limb += EMBEDDINGS
                sample |= {key: sample[key][kept] for key in per_limb}
            rows.append(embedding_row(sample, tokens))
        return stack_rows(rows)

    @torch.no_grad()
    def predict(
        self, windows: IMUPoseDataset, batch_size: int = BATCH
    ) -> Iterable[dict]:
        """Fields of the data samples that the model predicts."""
        if batch_size < 1:
            raise ValueError(f'batch_size is {batch_size}; give 1 or more.')
        loader: DataLoader = DataLoader(
            windows, batch_size, collate_fn=pseudo_collate
        )
        for batch in self.track(loader, 'Encode'):
            for sample in self.model.test_step(batch):
                yield sample.to_dict()

    def track(self, items: Iterable, description: str) -> Iterable:
        """The items, with a progress bar if one is to be shown."""
        if not self.show_progress:
            return items
        from rich.console import Console
        from rich.progress import track

        total = len(items) if isinstance(items, Sized) else None
        console = Console(stderr=True)
        return track(
            items, description, total, console=console, transient=True
        )

    def clip_features(self) -> ClipFeatures | None:
        """What gives the features of clips; None with a classifier."""
        if not hasattr(self.model, 'extract_stream'):
            return None
        return ClipFeatures(
            self.model, self.preparation, self.model.stream_stride_sec
        )


def find_parts(
    model: Any, weights: str | Path | None
) -> tuple[str, Any, str | Path | None]:
    """Name of the model, its config, and its weights."""
    if model is None and weights is not None:
        model, weights = weights, None
    if isinstance(model, (Config, Mapping)):
        model = model if isinstance(model, Config) else Config(dict(model))
        return 'the config', model, weights
    if model is not None and Path(model).suffix in ('.py', '.pth', '.pt'):
        return str(model), str(model), weights
    entry = find_model(None if model is None else str(model))
    weights = weights or entry.weights
    if weights is None:
        raise ValueError(
            f'The zoo has no checkpoint of {entry.name}; train it with '
            f'mobind train {entry.config} and pass the file.'
        )
    return entry.name, str(entry.config), weights

"""One class for everything that a trained model is used for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.infer import BaseInferencer
from rich.console import Console
from rich.progress import track
from torch.utils.data import DataLoader

from ..datasets import IMUPoseDataset
from ..datasets.transforms import KeepSensors
from ..evaluation.embedding_table import Table, stack_rows
from ..evaluation.metrics.embedding_metric import embedding_row
from ..visualization import MoBindVisualizer
from ..visualization.figures import write_image
from . import localizing, model_zoo, recognizing, retrieving, synchronizing
from .model import init_model
from .sources import to_imu, to_people, to_recording
from .takes import named_takes
from .windows import ClipFeatures, Preparation, RecordingWindows


class MoBindInferencer(BaseInferencer):
    """Embed, synchronise, localise, retrieve and recognise.

    Streams may have any length, rate and clock; they are cut into windows
    and resampled as the model was trained, window by window, so memory
    does not grow with the recording. Inputs are recordings: a
    :class:`~mobind_mm.structures.Recording`, ``{'imu': ..., 'pose': ...}``
    of arrays, streams or files, or a data set directory; see
    :mod:`mobind_mm.apis.sources`. Answers are plain dictionaries of numbers,
    texts and numpy arrays.

    Args:
        model: Name of a model of the zoo, a config file or object, or a
            checkpoint that carries its config. None takes ``weights``, or
            else the model that ships with the package.
        weights: Checkpoint, if ``model`` is a config, or of another model.
        device: ``cpu``, ``cuda:0`` and so on; None takes the best.
        show_progress: Whether to show a progress bar on standard error.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If there is no such model, or config and weights do not
            fit.
    """

    preprocess_kwargs: set = {'stride_sec'}
    forward_kwargs: set = {'tokens'}

    def __init__(
        self,
        model: str | Path | Config | None = None,
        weights: str | Path | None = None,
        device: str | None = None,
        show_progress: bool = True,
    ) -> None:
        self.name, config, weights = _find(model, weights)
        self.model = init_model(config, weights, device or get_device())
        self.cfg = self.model.cfg
        self.scope = 'mobind_mm'
        self.show_progress = show_progress
        self.preparation = Preparation.of(self.cfg, self.name)
        self.classes = list((self.model.dataset_meta or {}).get('classes', ()))
        self.pictures: list[Path] = []
        """Files that were drawn so far."""

    @staticmethod
    def list_models(
        scope: str | None = None, patterns: str = '.*'
    ) -> list[str]:
        """Names of the models of the zoo.

        Args:
            scope: Not used; the zoo is that of this package.
            patterns: Regular expression that a name must match.
        """
        return model_zoo.list_models(patterns)

    def __call__(
        self,
        inputs: Any,
        return_datasamples: bool = False,
        batch_size: int = 64,
        show_dir: str | Path | None = None,
        **kwargs: Any,
    ) -> dict:
        """Embed recordings, in the form that MMEngine's inferencers have.

        Args:
            inputs: Recordings, as of :meth:`embed`.
            return_datasamples: Must be False: answers are plain data.
            batch_size: Windows that are encoded together.
            show_dir: Not used: an embedding has no picture.
            **kwargs: ``stride_sec`` and ``tokens`` of :meth:`embed`.

        Returns:
            ``predictions``, what :meth:`embed` returns, and
            ``visualization``, an empty list.

        Raises:
            ValueError: If data samples are asked for.
        """
        if return_datasamples:
            raise ValueError('MoBindInferencer returns plain data.')
        predictions = self.embed(inputs, batch_size=batch_size, **kwargs)
        return {'predictions': predictions, 'visualization': []}

    def visualize(self, inputs: list, preds: Any, **kwargs: Any) -> list:
        """Nothing: the tasks draw their own pictures into ``show_dir``."""
        return []

    def postprocess(
        self, preds: Any, visualization: list, *args: Any, **kwargs: Any
    ) -> dict:
        """Predictions and pictures together."""
        return {'predictions': preds, 'visualization': visualization}

    def _init_pipeline(self, cfg: Config) -> Sequence:
        """The transforms of a window."""
        return self.preparation.transforms

    def embed(
        self,
        inputs: Any,
        stride_sec: float | None = None,
        batch_size: int = 64,
        tokens: bool = False,
    ) -> list[dict[str, Any]]:
        """Embed the windows of recordings.

        Args:
            inputs: One recording, a list, or a mapping of names to them.
            stride_sec: Seconds between windows; None: one after the other.
            batch_size: Windows that are encoded together.
            tokens: Also give the tokens, unit vectors in float16.

        Returns:
            For each recording ``name``, ``window_start`` (W,) seconds on
            its clock, ``window_sec``, ``imu`` and ``pose`` (W, D), or
            (W, S, D) of a per-limb model, ``imu_mask`` and ``pose_mask``
            (W, S), whether a limb was there, and ``placements``, their S
            names; with ``tokens`` also ``imu_tokens`` and ``pose_tokens``
            (W, S, N, D) and ``pose_token_mask`` (W, S, N).

        Raises:
            ValueError: If a recording is shorter than a window, lacks a
                channel, or the model gives no embeddings.
        """
        takes, _ = named_takes(inputs)
        table = self.embed_windows(
            self.windows(takes, stride_sec), batch_size, tokens
        )
        answers = []
        for name in takes:
            rows = table['take'] == name
            answer = {
                'name': name,
                'window_start': table['window_start'][rows].astype(float),
                'window_sec': self.preparation.window_sec,
                'placements': self.preparation.placements,
                'imu': table['imu_embedding'][rows],
                'pose': table['pose_embedding'][rows],
            }
            keys = ('imu_mask', 'pose_mask')
            if tokens:
                keys += ('imu_tokens', 'pose_tokens', 'pose_token_mask')
            answer.update({key: table[key][rows] for key in keys})
            answers.append(answer)
        return answers

    def synchronize(
        self,
        inputs: Any,
        max_offset: float = 10.0,
        around: float | None = None,
        drift: bool | None = None,
        show_dir: str | Path | None = None,
    ) -> dict[str, Any]:
        """Find the offset and drift between sensors and video.

        A recording below a minute gets one offset, a longer one a clock
        that may drift, see :func:`~mobind_mm.synchronization.clock
        .synchronize_clocks`.

        Args:
            inputs: One recording with sensors and a skeleton.
            max_offset: Seconds by which the offset may differ from
                ``around``.
            around: Offset in the middle of the search in seconds. None: 0,
                or, if the clocks never meet, as if both had been started
                together.
            drift: Whether to look for drift; None does from a minute on.
            show_dir: Directory for pictures.

        Returns:
            ``offset_s``: sensor time = video time + offset, at the video's
            second ``at_video_s``; ``drift_ppm``, positive if the sensors'
            clock runs fast; ``confidence``, ``abstained``, ``reason``
            (``still``, ``periodic``, ``too short``, ``weak``), ``rivals``;
            ``clock``, the whole piecewise linear map, and ``clips``, what
            single clips say; ``searched``; ``sensors``; ``model_used``,
            False where the signals alone were asked.

        Raises:
            ValueError: If there is nothing to synchronise.
        """
        streams = to_recording(inputs)
        if around is None and streams.imu and streams.pose is not None:
            around = synchronizing.search_centre(streams)
        feats = self.clip_features()
        clock = synchronizing.align(
            *(streams, max_offset, around),
            feats=feats,
            drift=drift,
            track=self._track if self.show_progress else None,
        )
        if show_dir is not None:
            result = clock.result
            if len(result.offsets):
                self._draw(
                    show_dir,
                    'sync_curve',
                    offsets=result.offsets,
                    log_posterior=result.log_posterior,
                    estimate=result.offset,
                    rivals=result.rivals,
                    title='Offset of the sensors against the video',
                )
            if len(clock.clip_times) > 1:
                self._draw(
                    show_dir,
                    'clock_drift',
                    times=clock.times,
                    offsets=clock.offsets,
                    clip_times=clock.clip_times,
                    clip_offsets=clock.clip_offsets,
                    agrees=clock.agrees,
                )
        return {
            **synchronizing.plain_answer(clock, streams, max_offset, around),
            'model_used': bool(feats and feats.answered),
        }

    def localize(
        self,
        imu: Any,
        people: Any,
        offset: float = 0.0,
        max_offset: float = 0.0,
        one_wearer: bool = True,
        show_dir: str | Path | None = None,
    ) -> dict[str, Any]:
        """Tell who wears the sensors, and which limb carries which.

        Args:
            imu: Sensors, see :func:`~mobind_mm.apis.sources.to_imu`. A name
                that is no placement is a sensor without a known place.
            people: Skeletons of everybody in the video, see
                :func:`~mobind_mm.apis.sources.to_people`.
            offset: Sensor time = video time + offset.
            max_offset: Seconds by which the offset may differ from that; 0
                if it is known.
            one_wearer: Whether one person wears all sensors.
            show_dir: Directory for pictures.

        Returns:
            ``person``, who wears them (None without ``one_wearer``), and
            ``person_evidence`` of everybody; ``sensors``: of each
            ``person``, ``limb``, ``evidence``, and ``margin`` to the next
            best limb; ``evidence`` (sensors, people, limbs) with
            ``people`` and ``limbs``, their names; ``offset_s`` and
            ``num_windows``.

        Raises:
            ValueError: If sensors and video never overlap for a window.
        """
        answer = localizing.localize(
            *(self, to_imu(imu, False), to_people(people)),
            *(offset, max_offset, one_wearer),
        )
        if show_dir is not None:
            keys = ('evidence', 'sensors', 'people', 'limbs')
            self._draw(
                show_dir, 'localization', **{key: answer[key] for key in keys}
            )
        return answer

    def retrieve(
        self,
        query: Any,
        gallery: Any,
        direction: str | None = None,
        k: int = 5,
        stride_sec: float = 1.0,
        show_dir: str | Path | None = None,
    ) -> list[dict[str, Any]]:
        """Find the videos of sensors, or the sensors of videos.

        Args:
            query: Recordings that are looked up: one, a list, or a mapping
                of names to them; or a data set directory.
            gallery: Recordings among which they are looked for.
            direction: ``imu2pose`` or ``pose2imu``; None: from sensors to
                videos if the queries have sensors.
            k: Places to give.
            stride_sec: Seconds between the windows of the gallery.
            show_dir: Directory for pictures.

        Returns:
            For each query ``name``, ``recordings``: the k best with their
            ``similarity``, the mean over the query's windows of that to the
            best window of the recording; and ``windows``: of each window
            its ``start_s`` and the k best (``name``, ``start_s``,
            ``similarity``).

        Raises:
            ValueError: If queries or gallery lack the streams.
        """
        answers = retrieving.retrieve(
            self, query, gallery, direction, k, stride_sec
        )
        if show_dir is not None:
            self._draw(show_dir, 'retrieval', answers=answers)
        return answers

    def recognize(
        self,
        inputs: Any,
        gallery: Any = None,
        stride_sec: float | None = None,
        modality: str | None = None,
        show_dir: str | Path | None = None,
    ) -> list[dict[str, Any]]:
        """Tell what people do.

        A ``MoBindClassifier`` says it; with a ``MoBind`` model each window
        gets the action of the most similar window of ``gallery``.

        Args:
            inputs: Recordings with sensors, a skeleton, or both.
            gallery: For ``MoBind``: a data set directory with labels, or a
                mapping of actions to recordings.
            stride_sec: Seconds between windows; None: one after the other.
            modality: For ``MoBind``: ``imu``, ``pose`` or ``both``; None
                takes what all recordings have.
            show_dir: Directory for pictures.

        Returns:
            For each recording ``name``, ``action`` of all of it and its
            ``score``, ``scores`` of all actions, and ``windows``: of each
            ``start_s``, ``action`` and ``score``. Scores are probabilities
            of a classifier, cosines of a neighbour.

        Raises:
            ValueError: If a ``MoBind`` model gets no gallery, or streams
                are missing.
        """
        answers = recognizing.recognize(
            self, inputs, gallery, stride_sec, modality
        )
        if show_dir is not None:
            self._draw(show_dir, 'actions', answers=answers)
        return answers

    def windows(
        self,
        takes: Mapping[str, tuple],
        stride_sec: float | None = None,
        limbs: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> RecordingWindows:
        """Windows of recordings as the model takes them.

        Args:
            takes: See :class:`RecordingWindows`, like ``kwargs``.
            stride_sec: Seconds between windows.
            limbs: Mask all other sensors and limbs.
            **kwargs: Of :class:`RecordingWindows`.
        """
        seconds = self.preparation.window_sec
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
        self, windows: IMUPoseDataset, batch_size: int, tokens: bool = False
    ) -> Table:
        """Table of the embeddings of windows.

        Raises:
            ValueError: If the model gives no embeddings.
        """
        rows = []
        for sample in self.predict(windows, batch_size):
            if 'imu_embedding' not in sample:
                raise ValueError(
                    f'{self.name} is a {type(self.model).__name__}, which '
                    'gives no embeddings; take a MoBind checkpoint.'
                )
            rows.append(embedding_row(sample, tokens))
        return stack_rows(rows)

    @torch.no_grad()
    def predict(
        self, windows: IMUPoseDataset, batch_size: int
    ) -> Iterable[dict]:
        """Fields of the data samples that the model predicts."""
        loader = DataLoader(windows, batch_size, collate_fn=pseudo_collate)
        for batch in self._track(loader, 'Encode'):
            for sample in self.model.test_step(batch):
                yield sample.to_dict()

    def _track(self, items: Iterable, description: str) -> Iterable:
        if not self.show_progress:
            return items
        total = len(items) if hasattr(items, '__len__') else None
        console = Console(stderr=True)
        return track(
            items, description, total, console=console, transient=True
        )

    def clip_features(self) -> ClipFeatures | None:
        """What tells the features of clips; a classifier cannot."""
        if not hasattr(self.model, 'extract_stream'):
            return None
        return ClipFeatures(
            self.model, self.preparation, self.model.stream_stride_sec
        )

    def _draw(self, show_dir: str | Path, kind: str, **picture: Any) -> None:
        """Write a picture into a directory."""
        image = MoBindVisualizer.draw_picture({'kind': kind, **picture})
        path = Path(show_dir) / f'{kind}.png'
        write_image(path, image)
        self.pictures.append(path)


def _find(
    model: Any, weights: str | Path | None
) -> tuple[str, Any, str | Path | None]:
    """What to call the model, its config, and its weights."""
    if model is None and weights is not None:
        model, weights = weights, None
    if isinstance(model, (Config, Mapping)):
        model = model if isinstance(model, Config) else Config(dict(model))
        return 'the config', model, weights
    if model is not None and Path(model).suffix in ('.py', '.pth', '.pt'):
        return str(model), str(model), weights
    found = model_zoo.find_model(None if model is None else str(model))
    weights = weights or found.weights
    if weights is None:
        raise ValueError(
            f'The zoo has no checkpoint of {found.name}; train it with '
            f'tools/train.py {found.config} and give the file.'
        )
    return found.name, str(found.config), weights

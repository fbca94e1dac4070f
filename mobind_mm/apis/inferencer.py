"""One class for everything that a trained model is used for."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from ..evaluation.functional import SIGNAL_WEIGHT
from .embedder import BATCH, Embedder
from .localizing import localize
from .model_zoo import list_models
from .recognizing import recognize
from .retrieving import STRIDE_SEC, retrieve
from .synchronizing import pictures_of, synchronize


class MoBindInferencer(Embedder):
    """Embed, synchronise, localise, retrieve and recognise.

    Streams may have any length, rate and clock; they are cut into windows
    and resampled as the model was trained, window by window, so memory
    does not grow with the recording. Inputs are recordings: a
    :class:`~mobind_mm.recordings.Recording`, ``{'imu': ..., 'pose': ...}``
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
        check: Whether to look for mistakes in what is given: certain ones
            are corrected, with a note; others stop with a question.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If there is no such model, or config and weights do not
            fit.

    Examples:
        >>> import numpy as np
        >>> from mobind_mm.apis import MoBindInferencer
        >>> inferencer = MoBindInferencer(device='cpu', show_progress=False)
        >>> gyro = np.zeros((1000, 3))
        >>> wrist = {'acc': gyro + [0, 0, 9.8], 'gyro': gyro, 'rate': 100.0}
        >>> (found,) = inferencer.embed({'imu': {'right_wrist': wrist}})
        >>> found['imu'].shape, found['window_start']
        ((2, 160), array([0., 5.]))
    """

    @cached_property
    def pictures(self) -> list[Path]:
        """Files that were drawn so far."""
        return []

    @staticmethod
    def list_models(
        scope: str | None = None, patterns: str = '.*'
    ) -> list[str]:
        """Names of the models of the zoo.

        Args:
            scope: Not used; the zoo is that of this package.
            patterns: Regular expression that a name must match.
        """
        return list_models(patterns)

    def __call__(
        self,
        inputs: Any,
        return_datasamples: bool = False,
        batch_size: int = BATCH,
        show_dir: str | Path | None = None,
        **kwargs: Any,
    ) -> dict:
        """Embed recordings, with the signature of MMEngine's inferencers.

        Args:
            inputs: Recordings, as for :meth:`embed`.
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

    def synchronize(
        self,
        inputs: Any,
        max_offset: float | None = None,
        around: float | None = None,
        drift: bool | None = None,
        show_dir: str | Path | None = None,
        synchronizer: Any = None,
    ) -> dict[str, Any]:
        """Find the offset and drift between sensors and video.

        A recording below a minute gets one offset, a longer one a clock
        that may drift, see
        :func:`~mobind_mm.synchronization.synchronize_clocks`.

        Args:
            inputs: One recording with sensors and a skeleton.
            max_offset: Seconds by which the offset may differ from
                ``around``. None: every offset at which enough of both
                streams overlaps, or 10 s if ``around`` is given.
            around: Offset in the middle of the search in seconds. None,
                with ``max_offset``: 0, or, if the clocks never meet, as if
                both had been started together.
            drift: Whether to look for drift; None does from a minute on.
            show_dir: Directory for pictures.
            synchronizer: What weighs the evidence; None takes the signals,
                then signals and model if the signals refuse to answer and
                there are at most two sensors.

        Returns:
            ``offset_s``: sensor time = video time + offset, at the video's
            second ``at_video_s``; ``drift_ppm``, positive if the sensors'
            clock runs fast; ``confidence``, the probability that the clock
            is never more than 0.1 s off in the video; ``abstained``
            (the confidence is below 0.65) and ``reason``, see
            :data:`~mobind_mm.synchronization.base.REASONS`; ``rivals``;
            ``clock``, the whole piecewise linear map; ``jumps`` of a clock
            in it, ``unknown`` stretches; ``sensor_clocks``, one clock for
            each sensor; ``notes``; ``clips``, what single clips say;
            ``searched``; ``sensors``; ``model_used``, False if only the
            signals were used.

        Raises:
            ValueError: If there is nothing to synchronise.
        """
        answer, clock = synchronize(
            self, inputs, max_offset, around, drift, synchronizer
        )
        if show_dir is None:
            return answer
        for kind, picture in pictures_of(clock):
            self._draw(show_dir, kind, **picture)
        return answer

    def localize(
        self,
        imu: Any,
        people: Any,
        offset: float | None = None,
        max_offset: float = 0.0,
        one_wearer: bool = True,
        show_dir: str | Path | None = None,
        signal_weight: float = SIGNAL_WEIGHT,
    ) -> dict[str, Any]:
        """Tell who wears the sensors, and which limb carries which.

        Args:
            imu: Sensors, see :func:`~mobind_mm.apis.sources.to_imu`. A name
                that is not a placement is a sensor without a known place.
            people: Skeletons of everybody in the video, see
                :func:`~mobind_mm.apis.sources.to_people`.
            offset: Sensor time = video time + offset. None: 0, or, if the
                clocks never meet, as if both had been started together, to
                within 10 s.
            max_offset: Seconds by which the offset may differ from that; 0
                if it is known.
            one_wearer: Whether one person wears all sensors.
            show_dir: Directory for pictures.
            signal_weight: See :meth:`retrieve`.

        Returns:
            ``person``, who wears them (None without ``one_wearer``, or if
            nobody in view probably does, or the offset is doubtful), with
            ``person_probability``, and ``person_evidence`` of everybody,
            None of those who are not seen for long enough to be compared;
            ``sensors``: of each ``person``, ``limb``, ``evidence``,
            ``margin`` to the next best limb, ``probability`` of the limb,
            and ``in_view``, that of a limb in view that carries it. Where
            that is below 0.5, or ``person`` is None for one of these
            reasons, person and limb are None, and ``guess`` has the best
            ones. Only calibrated models give probabilities, see
            :mod:`~mobind_mm.apis.calibration`; otherwise they are None.
            ``evidence`` (sensors, people, limbs) with ``people`` and
            ``limbs``, their names; ``offset_s``; ``offset_reason``, why a
            searched offset is doubtful, or ``''``; ``num_windows`` and
            ``window_sec``.

        Raises:
            ValueError: If sensors and video never overlap for a window.
        """
        answer = localize(
            self, imu, people, offset, max_offset, one_wearer, signal_weight
        )
        if show_dir is not None:
            keys = ('evidence', 'sensors', 'people', 'limbs')
            picture = {key: answer[key] for key in keys}
            self._draw(show_dir, 'localization', **picture)
        return answer

    def retrieve(
        self,
        query: Any,
        gallery: Any,
        direction: str | None = None,
        k: int = 5,
        stride_sec: float = STRIDE_SEC,
        show_dir: str | Path | None = None,
        signal_weight: float = SIGNAL_WEIGHT,
    ) -> list[dict[str, Any]]:
        """Find the videos of sensors, or the sensors of videos.

        The tokens of the limbs with sensors find the best candidates, at the
        lag where they fit best, since windows of two clocks are out of step.
        The signals then order them with the model, see
        :func:`~mobind_mm.evaluation.functional.rank_by_both`. If the
        shortest recording is shorter than the model's window, shorter
        windows are compared, from 1 s on where the model takes them.

        Args:
            query: Recordings that are looked up: one, a list, or a mapping
                of names to them; or a data set directory.
            gallery: Recordings among which they are looked for.
            direction: ``imu2pose`` or ``pose2imu``; None: from sensors to
                videos if the queries have sensors.
            k: Number of results per query.
            stride_sec: Seconds between the windows of the gallery.
            show_dir: Directory for pictures.
            signal_weight: Similarity that a nat per second of evidence of
                the signals is worth; 0: the model decides alone.

        Returns:
            For each query ``name``, ``recordings``: the k best with their
            ``similarity``, the mean over the query's windows of that to the
            best window of the recording, ``signals``, the mean evidence
            of the signals in nats per second, and ``score``, what both say
            together, by which they are ordered; and ``windows``: of each
            window its ``start_s`` and the k best (``name``, ``start_s``,
            ``similarity``, ``signals``).

        Raises:
            ValueError: If queries or gallery lack the streams.
        """
        answers = retrieve(
            self, query, gallery, direction, k, stride_sec, signal_weight
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

        A classifier predicts it; with a ``MoBind`` model each window gets
        the action of the most similar window of ``gallery``: by the tokens,
        in any order, of one sensor or two, by embeddings otherwise. Windows
        of both overlap: actions begin anywhere.

        Args:
            inputs: Recordings with sensors, a skeleton, or both.
            gallery: For ``MoBind``: a data set directory with labels, or a
                mapping of actions to recordings.
            stride_sec: Seconds between windows; None: a quarter of a window
                (more for recordings of hours), or all of it for a
                classifier.
            modality: For ``MoBind``: ``imu``, ``pose`` or ``both``; None
                takes what all recordings have.
            show_dir: Directory for pictures.

        Returns:
            For each recording ``name``, ``action`` of all of it and its
            ``score``, ``scores`` of all actions, and ``windows``: of each
            ``start_s``, ``action`` and ``score``. Scores are probabilities
            of a classifier, cosines of a neighbour. With a gallery of two
            subjects or more, also the ``probability`` that it has the
            action at all, by how its own people are alike; below 0.5,
            ``action`` is None and ``guess`` the most similar one.

        Raises:
            ValueError: If a ``MoBind`` model gets no gallery, or streams
                are missing.
        """
        answers = recognize(self, inputs, gallery, stride_sec, modality)
        if show_dir is not None:
            self._draw(show_dir, 'actions', answers=answers)
        return answers

    def _draw(self, show_dir: str | Path, kind: str, **picture: Any) -> None:
        """Write a picture into a directory."""
        from .. import visualization
        from ..visualization.figures import to_image, write_image

        draw = getattr(visualization, f'draw_{kind}')
        path = Path(show_dir) / f'{kind}.png'
        write_image(path, to_image(draw(**picture)))
        self.pictures.append(path)

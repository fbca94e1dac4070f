"""Recognise actions with a classifier, or by nearest neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ..evaluation.embedding_table import Table, all_tokens, select
from ..evaluation.functional import anytime_similarity, whitened
from ..evaluation.functional.classification import numbered
from ..recordings import Recording, common_span, notes_of
from ..skeleton import get_limb
from ..utils.arguments import check_choice
from ..utils.errors import shown
from ..utils.similarity import chunks
from .calibration import LEAST
from .embedder import Embedder
from .retrieving import only
from .takes import Takes, is_data_set, named_takes

MODALITIES = ('imu', 'pose', 'both')
_OVERLAP = 4
"""Windows that show a moment: actions begin anywhere."""
_PAIRS = 2e7
"""Limbs of pairs of windows that are compared, about."""
_LEAST_ASKED = 8
"""Recordings of a gallery that tell what known and unknown actions score."""
_MOST_ASKED = 200
_AT_ONCE = 64


def recognize(
    embedder: Embedder,
    inputs: Any,
    gallery: Any = None,
    stride_sec: float | None = None,
    modality: str | None = None,
) -> list[dict[str, Any]]:
    """See :meth:`MoBindInferencer.recognize`."""
    takes, notes = embedder.prepared(named_takes(inputs)[0])
    takes = {name: ({}, recording) for name, (_, recording) in takes.items()}
    answers, of_gallery = _answers(
        embedder, takes, gallery, stride_sec, modality
    )
    for answer in answers:
        answer['notes'] = notes_of(notes[answer['name']], of_gallery)
    return answers


def _answers(
    embedder: Embedder,
    takes: Takes,
    gallery: Any,
    stride_sec: float | None,
    modality: str | None,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Answers to all recordings, and the notes on the gallery."""
    if hasattr(embedder.model, 'num_classes'):
        if gallery is not None:
            raise ValueError(
                f'{embedder.name} is a classifier and needs no gallery.'
            )
        return _classify(embedder, takes, stride_sec), []
    if gallery is None:
        raise ValueError(
            f'{embedder.name} compares movements and knows no actions: '
            'give a gallery of labelled recordings, or the checkpoint of a '
            'MoBindClassifier.'
        )
    labelled, classes = _gallery(gallery)
    labelled, of_gallery = embedder.prepared(labelled)
    if modality is None:
        modality = _shared_modality(takes)
    check_choice('modality', modality, MODALITIES)
    seconds, about = embedder.window_sec(takes, labelled)
    groups: dict[tuple[str, ...], Takes] = {}
    for name, (entry, recording) in takes.items():
        worn = () if modality == 'pose' else tuple(sorted(recording.imu))
        groups.setdefault(worn, {})[name] = (entry, recording)
    answers, notes = {}, [*notes_of(*of_gallery.values(), about)]
    for worn, part in groups.items():
        by_name, note = answers_by_gallery(
            embedder,
            part,
            labelled,
            modality=modality,
            worn=list(worn),
            window_sec=seconds,
            stride_sec=stride_sec,
            classes=classes,
        )
        answers.update(by_name)
        notes += note
    return [answers[name] for name in takes], notes_of(notes)


def answers_by_gallery(
    embedder: Embedder,
    takes: Takes,
    labelled: Takes,
    *,
    modality: str,
    worn: list[str],
    window_sec: float,
    classes: list[str],
    stride_sec: float | None = None,
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Answers to recordings with the same sensors, and a note on the gallery.

    Args:
        embedder: The model.
        takes: What is asked.
        labelled: The gallery.
        modality: What is compared.
        worn: Their sensors.
        window_sec: Length of a window.
        classes: Names of the actions.
        stride_sec: Seconds between those of ``takes``.
    """
    limbs = worn
    if modality == 'both' and not any(
        {*worn} & {*recording.imu} for _, recording in labelled.values()
    ):
        limbs = []
    if not limbs:  # whole skeletons
        places = embedder.preparation.placements
        keypoints = {get_limb(name).keypoints: name for name in places[::-1]}
        limbs = sorted(keypoints.values(), key=places.index)

    def embed(takes: Takes, stride: float | None, **options: Any) -> Table:
        stride = stride or _stride(takes, window_sec, len(limbs))
        return _embed(
            embedder, takes, modality, stride, limbs, window_sec, **options
        )

    def compare(asked: Table, known: Table, *track: Any) -> np.ndarray:
        return _compare(asked, known, modality, len(classes), *track)

    known = embed(labelled, None, classes=classes)
    if not len(known['take']):
        raise ValueError(
            f'No labelled window of the gallery shows what {modality!r} of '
            f'the recordings shows ({worn or "any limb"}); give a gallery '
            'with these sensors, or another modality.'
        )
    asked = embed(takes, stride_sec)
    scores = compare(asked, known, embedder.track)
    familiar = _familiarity(known, compare)
    answers = {}
    for name in takes:
        rows = np.flatnonzero(asked['take'] == name)
        pairs = [(asked['window_start'][i], scores[i]) for i in rows]
        answer = answers[name] = _answer(name, pairs, classes)
        if familiar is not None:
            sure = answer['probability'] = familiar(scores[rows])
            if sure < LEAST:
                answer.update(action=None, guess=answer['action'])
    lacking = np.setdiff1d(np.arange(len(classes)), known['action'])
    if not len(lacking):
        return answers, []
    return answers, [
        'The gallery shows these actions with no sensor of the recordings, '
        f'so they are not compared: {shown(classes[i] for i in lacking)}.'
    ]


def _stride(takes: Takes, seconds: float, limbs: int) -> float:
    """Seconds between windows, which overlap if they do not get too many."""
    spans = [np.ptp(common_span(recording)) for _, recording in takes.values()]
    most = (_PAIRS / limbs) ** 0.5
    return float(np.clip(sum(spans) / most, seconds / _OVERLAP, seconds))


def _familiarity(
    known: Table, compare: Callable[[Table, Table], np.ndarray]
) -> Callable[[np.ndarray], float] | None:
    """How probable it is that the gallery has the action of a recording.

    An action that it has stands out among the others. By how much, the
    gallery's own people tell: each is compared with the others, with an
    action and as if it were unknown.

    Args:
        known: Windows of the gallery.
        compare: Similarities (M, C) of windows with each action of others.

    Returns:
        A function of the scores (M, C) of a recording; None if too few
        recordings of two people or more share their action.
    """
    recordings = numbered(zip(known['take'].tolist(), known['action']))
    some = recordings % (recordings.max() // _MOST_ASKED + 1) == 0
    people = known['subject']
    if any(person is None for person in people) or len(set(people)) < 2:
        return None
    with_it, without = [], []
    for person in dict.fromkeys(people):
        rest = select(known, people != person)
        at = np.flatnonzero((people == person) & some)
        named = np.unique(rest['action'])
        scores = compare(select(known, at), rest)[:, named]
        for number in np.unique(recordings[at]):
            rows = np.flatnonzero(recordings[at] == number)
            other = named != known['action'][at][rows[0]]
            if other.sum() > 1 and not other.all():
                with_it.append(_stands_out(scores[rows]))
                without.append(_stands_out(scores[np.ix_(rows, other)]))
    if len(with_it) < _LEAST_ASKED:
        return None
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scale = StandardScaler()
    x = scale.fit_transform(np.reshape([with_it, without], (-1, 1)))
    # A strong ridge: recordings of few people say little of new ones.
    model = LogisticRegression(C=0.03)
    model.fit(x, np.repeat([True, False], len(with_it)))
    there = np.unique(known['action'])

    def familiar(scores: np.ndarray) -> float:
        x = scale.transform([[_stands_out(scores[:, there])]])
        return float(model.predict_proba(x)[0, 1])

    return familiar


def _stands_out(scores: np.ndarray) -> float:
    """By how much best scores exceed the mean of the others, (M, C)."""
    ordered = np.sort(scores, axis=1)
    return float(np.mean(ordered[:, -1] - ordered[:, :-1].mean(axis=1)))


def _classify(
    embedder: Embedder, takes: Takes, stride_sec: float | None
) -> list[dict[str, Any]]:
    """Probabilities of a classifier, averaged over windows."""
    count = embedder.model.num_classes
    classes = embedder.classes or [str(i) for i in range(count)]
    rows_of: dict[str, list] = {name: [] for name in takes}
    for sample in embedder.predict(embedder.windows(takes, stride_sec)):
        scores = sample['pred_scores'].float().cpu().numpy()
        rows_of[sample['take']].append((sample['window_start'], scores))
    return [_answer(name, rows, classes) for name, rows in rows_of.items()]


def _compare(
    asked: Table,
    known: Table,
    kind: str,
    count: int,
    track: Callable[..., Iterable] = lambda items, _: items,
) -> np.ndarray:
    """Similarity (M, C) to the nearest window of each of C actions."""
    (x, seen), (y, known_seen) = (all_tokens(t, kind) for t in (asked, known))
    x, y = whitened(x, y, known_seen)
    scores = np.full((len(x), count), -1.0)
    labels = np.unique(known['action'])
    for rows in track([*chunks(x, _AT_ONCE)], 'Compare'):
        similar = anytime_similarity(x[rows], y, seen[rows], known_seen)
        for label in labels:
            at = known['action'] == label
            scores[rows, label] = similar[:, at].max(axis=1)
    return scores


def _answer(
    name: str, rows: list[tuple[float, np.ndarray]], classes: list[str]
) -> dict[str, Any]:
    """Actions of the windows of a recording, and of all of it."""
    if not rows:
        raise ValueError(
            f'{name}: it is shorter than a window, or no window shows a '
            'sensor or a limb of the model.'
        )
    windows = [
        {
            'start_s': float(start),
            'action': classes[int(scores.argmax())],
            'score': float(scores.max()),
        }
        for start, scores in rows
    ]
    mean = np.mean([scores for _, scores in rows], axis=0)
    return {
        'name': name,
        'action': classes[int(mean.argmax())],
        'score': float(mean.max()),
        'scores': dict(zip(classes, mean.tolist())),
        'windows': windows,
    }


def _gallery(source: Any) -> tuple[Takes, list[str]]:
    """Labelled recordings and the names of their actions."""
    if isinstance(source, Mapping) and not is_data_set(source):
        takes: Takes = {}
        for label, (action, recordings) in enumerate(source.items()):
            for name, (_, recording) in named_takes(recordings)[0].items():
                takes[f'{action}/{name}'] = {'label': label}, recording
        return takes, [str(action) for action in source]
    takes, classes = named_takes(source)
    if not classes or not any(e.get('segments') for e, _ in takes.values()):
        raise ValueError(
            'The gallery has no labelled segments; name a data set with '
            'labels, or give a mapping of actions to recordings.'
        )
    return takes, classes


def _shared_modality(takes: Takes) -> str:
    """What all recordings have."""
    imu = all(recording.imu for _, recording in takes.values())
    pose = all(r.pose is not None for _, r in takes.values())
    if imu and pose:
        return 'both'
    if not imu and not pose:
        raise ValueError(
            'Some recordings have sensors only and some a skeleton only; '
            'recognise them separately.'
        )
    return 'imu' if imu else 'pose'


def _embed(
    embedder: Embedder,
    takes: Takes,
    kind: str,
    stride_sec: float,
    limbs: list[str],
    window_sec: float,
    classes: list[str] | None = None,
) -> Table:
    """Table of the windows that show what is compared.

    With ``classes``, of those that have a label.
    """
    kept = {}
    for name, (entry, recording) in takes.items():
        if kind != 'both':
            recording = only(recording, kind)
        if recording.imu or recording.pose is not None:
            kept[name] = _entry(entry, recording), recording
    if not kept:
        raise ValueError(f'No recording has what {kind!r} compares.')
    options = {}
    if classes is not None:
        options = dict(
            metainfo={'classes': classes}, filter_cfg={'labelled': True}
        )
    windows = embedder.windows(kept, stride_sec, limbs, window_sec, **options)
    table = embedder.embed_windows(windows, tokens=True, limbs=limbs)
    names = ('imu', 'pose') if kind == 'both' else (kind,)
    there = [table[f'{name}_mask'].any(axis=1) for name in names]
    return select(table, np.logical_and.reduce(there))


def _entry(entry: Mapping, recording: Recording) -> dict:
    """An entry whose label, if any, is that of the whole recording."""
    if 'label' not in entry:
        return dict(entry)
    start, end = common_span(recording)
    whole = {'start_s': start, 'end_s': end, 'label': entry['label']}
    return {**entry, 'segments': [whole]}

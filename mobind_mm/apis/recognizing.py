"""Recognise actions with a classifier, or by nearest neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..evaluation.embedding_table import Table, modality, select, token_mask
from ..evaluation.functional import anytime_similarity, search_index
from ..recordings import Recording, common_span, notes_of
from ..utils.arguments import check_choice
from .calibration import CALIBRATED, LEAST_KNOWN, Logistic, match_features
from .embedder import Embedder
from .retrieving import FEW, only, shared_sensors
from .takes import Takes, is_data_set, named_takes

MODALITIES = ('imu', 'pose', 'both')


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
    limbs = shared_sensors(takes) if modality != 'pose' else None
    tokens = limbs is not None and len(limbs) <= FEW
    if modality == 'both':  # whole skeletons are compared, or few limbs
        tokens = tokens and _all_have(labelled, limbs)
        limbs = limbs if tokens else None
    seconds, about = embedder.window_sec(takes, labelled)
    known = _embed(
        embedder, labelled, modality, None, limbs, seconds, tokens, classes
    )
    if not len(known['take']):
        raise ValueError(
            f'No labelled window of the gallery shows what {modality!r} of '
            f'the recordings shows ({limbs or "any limb"}); give a gallery '
            'with these sensors, or another modality.'
        )
    asked = _embed(
        embedder, takes, modality, stride_sec, limbs, seconds, tokens
    )
    compare = _by_tokens if tokens else _by_embeddings
    scores = compare(asked, known, modality, len(classes))
    answers = []
    for name in takes:
        rows = np.flatnonzero(asked['take'] == name)
        pairs = [(asked['window_start'][i], scores[i]) for i in rows]
        answers.append(_answer(name, pairs, classes))
    question = f'action by {modality}{", tokens" if tokens else ""}'
    model = CALIBRATED.get(embedder.name, {}).get(question)
    if model is not None:
        for answer in answers:
            _doubt(answer, model, seconds)
    return answers, notes_of(*of_gallery.values(), about)


def _doubt(answer: dict[str, Any], model: Logistic, seconds: float) -> None:
    """Say how probable it is that the gallery has the action at all."""
    best, *rest = sorted(answer['scores'].values(), reverse=True)
    sure = model(
        **match_features(
            best,
            best - max(rest, default=0.0),
            seconds * len(answer['windows']),
            len(answer['scores']),
        )
    )
    answer['probability'] = sure
    if sure < LEAST_KNOWN:
        answer.update(action=None, guess=answer['action'])


def _classify(
    embedder: Embedder, takes: Takes, stride_sec: float | None
) -> list[dict[str, Any]]:
    """Probabilities of a classifier, averaged over windows."""
    count = embedder.model.num_classes
    classes = embedder.classes or [str(i) for i in range(count)]
    found: dict[str, list] = {name: [] for name in takes}
    for sample in embedder.predict(embedder.windows(takes, stride_sec)):
        scores = sample['pred_scores'].float().cpu().numpy()
        found[sample['take']].append((sample['window_start'], scores))
    return [_answer(name, rows, classes) for name, rows in found.items()]


def _by_embeddings(
    asked: Table, known: Table, kind: str, count: int
) -> np.ndarray:
    """Similarity (M, C) to the nearest window of each of C actions."""
    x, x_mask = modality(asked, kind)
    y, y_mask = modality(known, kind)
    scores = np.full((len(x), count), -1.0)
    for label in np.unique(known['action']):
        rows = known['action'] == label
        mask = None if y_mask is None else y_mask[rows]
        _, similarity = search_index(x, y[rows], 1, x_mask, mask)
        scores[:, label] = similarity[:, 0]
    return scores


def _by_tokens(
    asked: Table, known: Table, kind: str, count: int
) -> np.ndarray:
    """The same, by the tokens of few limbs in any order."""
    found = []
    for name in ('imu', 'pose') if kind == 'both' else (kind,):
        masks = [token_mask(table, name) for table in (asked, known)]
        tokens = [table[f'{name}_tokens'] for table in (asked, known)]
        found.append(anytime_similarity(*tokens, *masks))
    similarity = np.mean(found, axis=0)
    scores = np.full((len(similarity), count), -1.0)
    for label in np.unique(known['action']):
        rows = known['action'] == label
        scores[:, label] = similarity[:, rows].max(axis=1)
    return scores


def _all_have(takes: Takes, limbs: list[str] | None) -> bool:
    """Whether all recordings with sensors have some of these."""
    return all(
        not recording.imu or set(recording.imu) >= set(limbs or ())
        for _, recording in takes.values()
    )


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
    stride_sec: float | None,
    limbs: list[str] | None,
    window_sec: float,
    tokens: bool,
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
    windows = embedder.windows(
        kept, stride_sec or window_sec, limbs, window_sec, **options
    )
    table = embedder.embed_windows(
        windows, tokens=tokens, limbs=limbs if tokens else None
    )
    names = ('imu', 'pose') if kind == 'both' else (kind,)
    shown = [table[f'{name}_mask'].any(axis=1) for name in names]
    return select(table, np.logical_and.reduce(shown))


def _entry(entry: Mapping, recording: Recording) -> dict:
    """An entry whose label, if any, is that of the whole recording."""
    if 'label' not in entry:
        return dict(entry)
    start, end = common_span(recording)
    whole = {'start_s': start, 'end_s': end, 'label': entry['label']}
    return {'segments': [whole]}

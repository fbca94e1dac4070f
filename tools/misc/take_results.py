"""Take what a benchmark or the test of README wrote into ``docs/results``.

``python tools/misc/take_results.py sync.json --hardware '…'`` takes the JSON
of ``tools/analysis_tools/benchmark_sync.py``, with or without
``--trust``, keeps the tables of a part that was not run, and writes the pages
anew (``update_results.py``).

It also takes the JSON of ``tools/analysis_tools/zero_shot.py``, and of
``mobind test configs/mobind/synthetic.py CHECKPOINT --out``; ``--reranked``
takes what the same test writes with ``--tasks retrieval --cfg-options
test_evaluator.0.similarity=tokens test_evaluator.0.rerank=10``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from update_results import ROOT, read_results, write_results

from mobind_mm.cli.arguments import flags

EVIDENCE = ('signals alone', 'learning alone', 'both')
RECALLS = ('imu2pose_R@1', 'imu2pose_R@5', 'pose2imu_R@1', 'pose2imu_R@5')
LIMBS = ('sensors', 'argmax', 'one to one')
UNKNOWN = (
    'recordings', 'in the gallery', 'mean probability', 'named',
    'in the gallery if named', 'refused if not', 'right if in the gallery',
)  # fmt: skip
SENSORS = {5: 'five', 2: 'both wrists', 1: 'one wrist'}
WALKING = {
    'matched': 'walking, real, matched (within 0.2 s)',
    'wrong person': 'walking, real, wrong person',
    'another time': 'walking, real, another pass of the person',
}
TRUST = {
    'condition': lambda row: row['condition'],
    'recordings': lambda row: row['count'],
    'answered': lambda row: row['answered'],
    'wrong': lambda row: row['wrong'],
    'confidence ≥ 0.9': lambda row: row['certain'],
    'wrong of these': lambda row: row['certain_wrong'],
    'best guess right': lambda row: row['best_guess_right'],
}
BINS = {
    'confidence from': lambda row: row['confidence_from'],
    'recordings': lambda row: row['reliability_count'],
    'mean confidence': lambda row: row['mean_confidence'],
    'right': lambda row: row['right'],
}


def _noise(row: Mapping) -> str:
    noise = row['noise_m']
    if noise is None:
        return 'typical'
    return f'{100 * noise:g} cm' if noise else 'none'


CELLS = {
    'sensors': lambda row: row['sensors'],
    'keypoint noise': _noise,
    'fps': lambda row: row['pose_rate'],
    'clip': lambda row: f'{row["clip_sec"]:g} s',
    'fused: MAE, s': lambda row: row['fused']['mae_s'],
    'fused: Acc@0.1': lambda row: row['fused']['acc@0.1'],
    'answered: coverage': lambda row: row['fused']['coverage'],
    'answered: MAE, s': lambda row: row['fused']['answered_mae_s'],
    'answered: Acc@0.1': lambda row: row['fused']['answered_acc@0.1'],
    'signals alone: MAE, s': lambda row: row['signals']['mae_s'],
    'signals alone: Acc@0.1': lambda row: row['signals']['acc@0.1'],
    'correlator (tuned): MAE, s': lambda row: row['correlation']['mae_s'],
    'correlator (tuned): Acc@0.1': lambda row: row['correlation']['acc@0.1'],
    'vote: MAE, s': lambda row: row['vote']['mae_s'],
    'vote: Acc@0.1': lambda row: row['vote']['acc@0.1'],
    'zero: MAE, s': lambda row: row['zero_mae_s'],
}


def table(
    columns: Mapping[str, Any], rows: Iterable[Mapping], old: Mapping
) -> dict[str, Any]:
    """A table with the decimals and emphasis that it had before."""
    values = [[value(row) for value in columns.values()] for row in rows]
    kept = {key: old[key] for key in ('digits', 'bold') if key in old}
    return dict(columns=list(columns), rows=values, **kept)


def trust_tables(found: Mapping, old: Mapping) -> dict[str, Any]:
    """Tables of a run with ``--trust``, summed over the sources."""
    total: dict[str, dict] = {}
    for row in found['rows']:
        walks = row['source'] == 'walking'
        name = WALKING[row['condition']] if walks else row['condition']
        into = total.setdefault(name, dict(condition=name))
        for key, value in row.items():
            if isinstance(value, int):
                into[key] = into.get(key, 0) + value
    rows = sorted(
        total.values(), key=lambda row: row['condition'] in WALKING.values()
    )
    return dict(
        conditions=table(TRUST, rows, old['conditions']),
        reliability=table(BINS, found['bins'], old['reliability']),
    )


def sync_tables(found: Mapping, old: Mapping) -> dict[str, Any]:
    """Tables of the parts that were run, and the old ones of the others."""
    tables = dict(old)
    rows = [
        r for part in found.values() if isinstance(part, list) for r in part
    ]
    acted = [r for r in rows if r.get('motion') == 'acted' and 'fused' in r]
    if acted:
        acted.sort(
            key=lambda r: (
                -r['sensors'],
                r['noise_m'] or 0,
                -r['pose_rate'],
                -r['clip_sec'],
            )
        )
        tables['cells'] = table(CELLS, acted, old['cells'])
    refused = []
    for motion, name in (
        ('still', 'none'),
        ('periodic', 'strictly periodic (period 0.8 to 2 s)'),
    ):
        part = [r for r in rows if r.get('motion') == motion and 'fused' in r]
        if part:
            reasons = {
                reason: sum(r['reasons'].get(reason, 0) for r in part)
                for reason in ('still', 'periodic', 'weak')
            }
            clips = sum(r['num_clips'] for r in part)
            answered = sum(
                round(r['fused']['coverage'] * r['num_clips']) for r in part
            )
            refused.append([name, clips, clips - answered, *reasons.values()])
    if refused:
        tables['refusals'] = {**old['refusals'], 'rows': refused}
    joint = [r for r in rows if 'joint_sensors' in r]
    if joint:
        values = [[SENSORS[r['joint_sensors']], r['slot_acc']] for r in joint]
        tables['joint'] = {**old['joint'], 'rows': values}
    scenes = [r for r in rows if 'scene_sensors' in r]
    if scenes:
        ways = {
            'alone': 'for each person separately',
            'jointly': 'jointly for all people of a scene',
        }
        values = [
            [
                SENSORS[r['scene_sensors']],
                said,
                r[way]['mae_s'],
                r[way]['acc@0.1'],
            ]
            for r in scenes
            for way, said in ways.items()
        ]
        tables['scenes'] = dict(
            columns=old['scenes']['columns'],
            rows=values,
            digits=[None, None, 'seconds', 2],
        )
    drift = [r for r in rows if 'ppm' in r]
    if drift:
        values = []
        for number in (5, 1):
            part = [r for r in drift if r['sensors'] == number]
            name = {5: 'five sensors', 1: 'one wrist'}[number]
            values += [
                [
                    f'{name}: estimated drift, ppm',
                    *(r['estimated_ppm'] for r in part),
                ],
                [
                    f'{name}: error at the end, ms',
                    *(1e3 * r['end_error_s'] for r in part),
                ],
            ]
        tables['drift'] = {**old['drift'], 'rows': values}
    return tables


def synthetic_tables(
    reranked: Mapping | None, found: Mapping, old: Mapping
) -> dict[str, Any]:
    """Tables of a test of the synthetic dataset.

    Args:
        reranked: Metrics of retrieval re-ranked by tokens; without them,
            their row stays as it was.
        found: All metrics.
        old: Tables whose headings are kept.
    """

    def ways(form: str, values: Mapping = found) -> list[float]:
        both = ('imu2pose', 'pose2imu')
        return [values['retrieval/' + form.format(way)] for way in both]

    def places(*names: str) -> list[float | None]:
        return [found[f'localization/{n}'] if n else None for n in names]

    actions = ('knn_top1', 'linear_top1', 'linear_both_top1')
    last = old['retrieval']['rows'][-1][1:]
    values: dict[str, list[list]] = dict(
        localisation=[
            places('subject_acc', '', 'subject_chance'),
            places('part_acc', 'part_acc_assigned', 'part_chance'),
            places('joint_acc', 'joint_acc_assigned', ''),
        ],
        actions=[[found[f'action/{name}']] for name in actions],
        retrieval=[
            ways('{}_R@1'),
            ways('{}_R@5'),
            ways('same_action_{}_R@1'),
            ways('{}_R@1', reranked) if reranked else last,
        ],
    )
    digits = dict(localisation=[None, 3, 3, 2])
    return {
        name: dict(
            columns=old[name]['columns'],
            rows=[[r[0], *v] for r, v in zip(old[name]['rows'], rows)],
            digits=digits.get(name, old[name]['digits']),
        )
        for name, rows in values.items()
    }


def zero_shot_tables(found: Mapping, old: Mapping) -> dict[str, Any]:
    """Tables of the data that were at hand, and the old ones of the others."""
    utd, gait = found.get('utd_mhad'), found.get('gait_video')
    capture = found.get('motion_capture', {})
    parts = {'UTD-MHAD, 2 s': utd} if utd else {}
    parts |= {
        f'motion capture, 5 s, {name}': part
        for name, part in capture.items()
        if isinstance(part, Mapping) and 'both' in part
    }
    made: dict[str, list[list]] = {}
    if parts:
        made['retrieval'] = [
            row for item in parts.items() for row in _recall_rows(*item)
        ]
    if utd:
        levels = (
            'local', 'mean token', 'tokens', 'any order', 'whole recordings',
        )  # fmt: skip
        made['actions'] = [
            [name, *(utd[f'1nn {name}, {level}'] for level in levels)]
            for name in ('imu', 'pose', 'imu + pose')
        ]
        made['unknown'] = [
            [name, *(part[column] for column in UNKNOWN)]
            for name, part in utd['unknown'].items()
        ]
    limbs = [
        [name, kind, *(part[key + ending][column] for column in LIMBS)]
        for name, part, key in (
            ('motion capture, 15 sensors, 5 s', capture, 'limb'),
            ('motion capture, 15 sensors, take', capture, 'limb, whole take'),
            ('walking, 7 sensors, 4 s', gait or {}, 'limb, 4 s'),
            ('walking, 7 sensors, pass', gait or {}, 'limb, whole pass'),
        )
        for ending, kind in (('', 'learning alone'), (', both', 'both'))
        if key + ending in part
    ]
    if limbs:
        made['limbs'] = limbs
    if gait:
        right = gait['who of four']
        kinds = {'learning alone': 'learning'}
        made['who'] = [[k, right[kinds.get(k, k)]] for k in EVIDENCE]
    if 'out of step' in capture:
        made['out_of_step'] = [
            [
                *name.split(': '),
                part['windows'],
                part['recording'],
                part['window'],
            ]
            for name, part in capture['out of step'].items()
        ]
    if 'sync' in found:
        made['sync'] = [
            _sync_row(*name.split(', '), part)
            for name, part in found['sync'].items()
        ]
        made['sync_by_movement'] = [
            [float(least), *_sync_values(part)]
            for least, part in found['sync by movement'].items()
        ]
    return {**old, **{k: {**old[k], 'rows': v} for k, v in made.items()}}


def _recall_rows(label: str, part: Mapping) -> list[list]:
    """Recalls, and the 95 % interval of what both kinds add to each."""
    rows = []
    for kind in EVIDENCE:
        gain = part.get(f'both - {kind}, imu2pose_R@1')
        gain = gain and f'{gain[0]:+.3f} to {gain[1]:+.3f}'
        recalls = [part[kind][key] for key in RECALLS]
        rows.append([label, part['windows'], kind, *recalls, gain])
    return rows


def _sync_row(limb: str, kind: str, part: Mapping) -> list:
    return [limb.replace('_', ' '), kind, *_sync_values(part)]


def _sync_values(part: Mapping) -> list:
    answered = part['answered_acc@0.1'] if part['coverage'] else None
    values = [part[k] for k in ('clips', 'acc@0.1', 'mae_s', 'coverage')]
    return [*values, answered]


def main() -> None:
    """Take one file."""
    parser = argparse.ArgumentParser(description=__doc__)
    flag = flags(parser)
    flag('file', 'what was written', type=Path)
    flag('--hardware TEXT', '', required=True)
    flag('--command TEXT', 'how FILE was made')
    flag('--commit COMMIT', 'that was run; default: this one')
    flag('--reranked FILE', '', type=Path)
    args = parser.parse_args()
    found = json.loads(args.file.read_text('utf-8'))
    name, make = 'sync.json', sync_tables
    if 'bins' in found:
        name = 'trust_model.json' if found.get('model') else 'trust.json'
        make = trust_tables
    elif 'signal weight' in found:
        name, make = 'mobind_real.json', zero_shot_tables
    elif 'retrieval/imu2pose_R@1' in found:
        reranked = args.reranked and json.loads(args.reranked.read_text())
        name, make = 'synthetic.json', partial(synthetic_tables, reranked)
    path = ROOT / 'docs/results' / name
    old = read_results(path)
    about = {k: old['about'][k] for k in ('command', 'seed', 'data')}
    for key in ('seed', 'seeds'):
        about['seed'] = found.get(key, about['seed'])
    about['hardware'] = args.hardware
    about['command'] = args.command or about['command']
    about['version'] = 'after 0.1.0'
    if args.commit:
        about['commit'] = args.commit
    write_results(path, about, make(found, old['tables']), old['quoted'])
    pages = [sys.executable, ROOT / 'tools/misc/update_results.py']
    subprocess.run(pages, check=True)


if __name__ == '__main__':
    main()

"""Loops over several tasks against sums by hand, in 1 to 3 processes."""

import json
from pathlib import Path

import loop_project
import pytest
from loop_project import build, diary, loader, task
from mmengine.registry import DefaultScope
from processes import process_group, spread

from mobind_mm.engine.loops import evaluators_of

# Twice the sum of 0..6, of 0..4, and of 10, 20, 30.
RESULTS = {
    'main/total': 42.0,
    'main/num_numbers': 7,
    'a/total': 20.0,
    'a/num_numbers': 5,
    'b/total': 120.0,
    'b/num_numbers': 3,
    # The metric of a task knows the data set of the task.
    **{'main/split': 0, 'a/split': 1, 'b/split': 2},
    **{'main/half': 0.0, 'a/half': 0.0, 'b/half': 0.0},
}


@pytest.fixture(autouse=True)
def clean():
    loop_project.BUILT.clear()
    yield
    DefaultScope._instance_dict.clear()


def test_all_tasks_in_one_go(tmp_path):
    runner = build(tmp_path)
    metrics = runner.test()
    assert metrics == RESULTS
    main = [('main', i, 3) for i in range(3)]
    a, b = ([(n, i, k) for i in range(k)] for n, k in (('a', 3), ('b', 2)))
    # Batches of a task are counted from 0 to the task's own number.
    assert diary(runner).lines == ['before', *main, *a, *b, 'after']
    assert diary(runner).metrics == [metrics]
    # Afterwards the loop has its own dataloader again.
    assert runner.test_dataloader.dataset.metainfo == {'name': 'main'}
    assert runner.test() == metrics
    assert loop_project.BUILT == ['main', 'a', 'b']
    for part in runner.test_loop.tasks:
        assert part.dataloader.sampler.seed == runner.seed


def test_each_part_equals_a_test_of_its_own(tmp_path):
    merged = {}
    for name, numbers, size in (
        *(('main', range(7), 3), ('a', range(5), 2)),
        ('b', (10, 20, 30), 2),
    ):
        (tmp_path / name).mkdir()
        alone = build(
            tmp_path / name,
            test_cfg=dict(type='mmengine.TestLoop'),
            test_dataloader=loader(name, numbers, size),
            test_evaluator=dict(type='Total', prefix=name),
        )
        merged.update(alone.test())
    assert build(tmp_path).test() == merged


def test_half_precision_reaches_the_tasks(tmp_path):
    runner = build(tmp_path)
    runner.test_loop.fp16 = True
    metrics = runner.test()
    assert [metrics[f'{n}/half'] for n in ('main', 'a', 'b')] == [1.0] * 3


def test_nothing_is_built_before_the_first_run(tmp_path):
    runner = build(tmp_path)
    assert [*evaluators_of(runner.test_loop)] == ['main', 'a', 'b']
    assert loop_project.BUILT == ['main']


def test_a_dataloader_without_metrics_is_skipped(tmp_path):
    runner = build(tmp_path, test_evaluator=[])
    metrics = runner.test()
    assert metrics == {k: v for k, v in RESULTS.items() if k[:4] != 'main'}
    assert ('main', 0, 3) not in diary(runner).lines


def test_a_task_that_is_none_is_left_out(tmp_path):
    metrics = build(tmp_path, tasks=dict(a=None)).test()
    assert {key.split('/')[0] for key in metrics} == {'main'}


def test_interval_counts_validations(tmp_path):
    tasks = dict(a=task('a', range(5), interval=2), b=task('b', (10, 20, 30)))
    best = dict(
        type='CheckpointHook', interval=2, save_best='main/total', rule='less'
    )
    early = dict(
        type='EarlyStoppingHook', monitor='main/total', patience=9, rule='less'
    )
    runner = build(
        tmp_path,
        'val',
        tasks,
        hooks=[early],
        default_hooks=dict(checkpoint=best),
    )
    runner.train()
    with_a = ['a/total' in metrics for metrics in diary(runner).metrics]
    assert with_a == [False, True] * 3
    assert all(m['b/total'] == 120.0 for m in diary(runner).metrics)
    assert (tmp_path / 'best_main_total_epoch_1.pth').is_file()
    # What was not measured is not logged again with its last value.
    (log,) = tmp_path.glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    lines = [line for line in lines if 'main/total' in line]
    assert ['a/total' in line for line in lines] == with_a
    # A resumed training goes on counting where the first one was.
    (tmp_path / 'resumed').mkdir()
    resumed = build(
        tmp_path / 'resumed',
        'val',
        tasks,
        load_from=str(tmp_path / 'epoch_4.pth'),
        resume=True,
    )
    resumed.train()
    with_a = ['a/total' in metrics for metrics in diary(resumed).metrics]
    # Epoch 4 again: the checkpoint was written before it was validated.
    assert with_a == [True, False, True]


def test_every_task_runs_outside_a_training(tmp_path):
    tasks = dict(a=task('a', range(5), interval=100))
    runner = build(tmp_path, 'val', tasks)
    assert runner.val()['a/total'] == 20.0


def test_intervals_of_a_training_by_iterations(tmp_path):
    runner = build(
        tmp_path,
        'val',
        dict(a=task('a', range(5), interval=2)),
        train_cfg=dict(by_epoch=False, max_iters=9, val_interval=2),
        # MMEngine sleeps for 2 s whenever the numbers are used up.
        train_dataloader=loader('train', range(18)),
    )
    runner.train()
    with_a = ['a/total' in metrics for metrics in diary(runner).metrics]
    assert with_a == [False, True, False, True, False]  # 2, 4, 6, 8, 9


@pytest.mark.parametrize('purpose', ['save_best', 'early stopping'])
def test_checkpoints_are_not_chosen_by_what_is_left_out(tmp_path, purpose):
    hook = dict(type='EarlyStoppingHook', monitor='a/total', rule='less')
    if purpose == 'save_best':
        hook = dict(type='CheckpointHook', save_best='a/total', rule='less')
    tasks = dict(a=task('a', range(5), interval=2))
    runner = build(tmp_path, 'val', tasks, hooks=[hook])
    with pytest.raises(ValueError, match=rf"{purpose} .*'a/total'.*\['a'\]"):
        runner.train()


@pytest.mark.parametrize(
    ('tasks', 'message'),
    [
        (dict(a=3), "Task 'a' is 3; give a dict"),
        (dict(a=dict(dataloader={})), r"'a': missing \['evaluator'\]"),
        (dict(a=task('a', [1], every=2)), r"'a': unknown \['every'\]"),
        (dict(a=task('a', [1], interval=0)), "'a': interval=0"),
        (dict(a=task('a', [1], interval=1.5)), "'a': interval=1.5"),
        (dict(a=task('a', [1], interval=True)), "'a': interval=True"),
        (dict(main=task('a', [1])), "'main' is the name"),
    ],
)
def test_bad_tasks(tmp_path, tasks, message):
    with pytest.raises((TypeError, ValueError), match=message):
        build(tmp_path, tasks=tasks).test_loop  # noqa: B018


def test_two_tasks_with_the_same_key(tmp_path):
    tasks = dict(a=task('a', range(5)), b=task('b', [1]))
    tasks['b']['evaluator']['prefix'] = 'a'
    message = "Both 'a' and 'b' measure 'a/total'"
    with pytest.raises(ValueError, match=message):
        build(tmp_path, tasks=tasks).test()


def run(rank, folder):
    """Test in 3 processes, then in 2 of them."""
    for world in (3, 2):
        if rank >= world:
            continue
        work_dir = Path(folder, str(world))
        with process_group(rank, world, work_dir):
            runner = build(work_dir)
            metrics = runner.test()
            file = work_dir / f'{rank}.json'
            file.write_text(json.dumps([metrics, diary(runner).lines]))


@pytest.mark.slow
def test_processes_equal_one(tmp_path):
    """None of 7, 5 and 3 numbers divides among two, nor 7 and 5 by three."""
    for world in (2, 3):
        (tmp_path / str(world)).mkdir()
    spread(run, (str(tmp_path),), 3)
    for world in (2, 3):
        for rank in range(world):
            file = tmp_path / str(world) / f'{rank}.json'
            metrics, lines = json.loads(file.read_text())
            assert metrics == RESULTS
            batches = [tuple(line) for line in lines if line[:1] == ['a']]
            numbers = -(-5 // world)  # padded
            assert len(batches) == -(-numbers // 2)

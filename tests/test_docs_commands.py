"""Commands and snippets of the pages: they parse, run, and print that."""

import ast
import importlib
import json
import re
import shlex
from argparse import ArgumentParser
from importlib.util import find_spec

import pytest
from run_pages import PAGES, ROOT, alike, blocks, commands, run, runnable

cli = importlib.import_module('mobind_mm.cli.main')  # not the function
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
OPEN = re.compile(r'\[-|…|\.\.\.')
"""A line that shows what may be said, not something to say."""


def mobind_commands(page):
    for block in blocks(page):
        if block.language in ('bash', 'shell'):
            for command in commands(block.code):
                called = re.search(
                    r'(?:^|\s)(?:-m mobind_mm|mobind) (.*)', command
                )
                if called and not OPEN.search(command):
                    yield called[1]


def parsed(words):
    """Flags of a command line; SystemExit if it has an unknown one."""
    table, name = cli.COMMANDS, words.pop(0)
    while not isinstance(table[name].target, str):
        table, name = table[name].target, words.pop(0)
    module = importlib.import_module(f'mobind_mm.cli.{table[name].target}')
    add_arguments, _ = module.COMMANDS.get(name) or module.COMMANDS['']
    parser = ArgumentParser(prog=f'mobind {name}')
    add_arguments(parser)
    cli._add_import(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize('name', NAMES)
def test_flags_exist(name):
    for command in mobind_commands(ROOT / name):
        words = shlex.split(re.sub(r'\$\w+', '1', command))
        if words[0].startswith('-'):
            continue
        try:
            parsed(words)
        except SystemExit as error:
            assert not error.code, command


def test_commands_are_found():
    count = sum(len(list(mobind_commands(page))) for page in PAGES)
    assert count > 60
    with pytest.raises(SystemExit):
        parsed(['sync', '--imu', 'a.csv', '--film', 'b.mp4'])


@pytest.mark.parametrize('name', NAMES)
def test_programs_and_configs_exist(name):
    for block in blocks(ROOT / name):
        if block.language in ('bash', 'shell'):
            for path in re.findall(
                r'(?<![\w/])(?:tools|configs|tests)/[\w/.]+', block.code
            ):
                if not path.endswith('.') and '$' not in path:
                    assert (ROOT / path).exists() or '$' in block.code, path


@pytest.mark.parametrize('name', NAMES)
def test_python_is_python_and_imports_work(name):
    for block in blocks(ROOT / name):
        if block.language != 'python' or '…' in block.code:
            continue
        for node in ast.walk(ast.parse(block.code)):
            if isinstance(node, ast.ImportFrom) and node.module.startswith(
                'mobind_mm'
            ):
                module = importlib.import_module(node.module)
                for alias in node.names:
                    assert hasattr(module, alias.name), alias.name


@pytest.fixture
def shell(tmp_path):
    """A shell in an empty directory."""

    def execute(code, status=0):
        process = run(code, tmp_path)
        assert process.returncode == status, process.stdout + process.stderr
        return process.stdout

    return execute


def check(block, printed):
    if block.printed is not None:
        assert alike(block.printed, printed), f'{block.printed}\n!=\n{printed}'


@pytest.mark.slow
def test_readme(shell):
    for block in runnable(ROOT / 'README.md'):
        check(block, shell(block.code))
    (snippet,) = [
        b for b in blocks(ROOT / 'README.md') if b.language == 'python'
    ]
    check(snippet, shell(f'python - <<"END"\n{snippet.code}\nEND'))


@pytest.mark.slow
def test_the_four_tasks(shell):
    """docs/inference.md, of which one command refuses."""
    for block in runnable(ROOT / 'docs/inference.md'):
        refused = '--imu quiet' in block.code
        check(block, shell(block.code, status=int(refused)))


@pytest.mark.slow
@pytest.mark.skipif(
    not (find_spec('ai_edge_litert') and find_spec('av')),
    reason="needs pip install -e '.[pose]'",
)
def test_start_here(shell):
    """From two commands to an aligned preview, with no file to write."""
    (block,) = [
        b
        for b in blocks(ROOT / 'docs/start.md')
        if b.language == 'bash' and 'mobind example' in b.code
    ]
    assert len(commands(block.code)) == 2
    check(block, shell(block.code))
    shell('test -s sync/preview.mp4 && test -s sync/imu.csv')


@pytest.mark.slow
@pytest.mark.skipif(
    not (find_spec('nbclient') and find_spec('ipykernel')),
    reason='needs pip install nbclient ipykernel',
)
def test_notebook(tmp_path, monkeypatch):
    """Every cell runs and prints what is committed."""
    import nbformat
    from nbclient import NotebookClient

    path = ROOT / 'docs/tutorial.ipynb'
    notebook = nbformat.read(path, as_version=4)
    before = [texts(cell) for cell in notebook.cells]
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    NotebookClient(
        notebook, timeout=1800, resources={'metadata': {'path': str(tmp_path)}}
    ).execute()
    for cell, shown in zip(notebook.cells, before):
        assert alike(shown, texts(cell)), cell.source


def texts(cell):
    return ''.join(
        out['text'] for out in cell.get('outputs', ()) if 'text' in out
    )


def test_the_notebook_is_small_and_was_run():
    path = ROOT / 'docs/tutorial.ipynb'
    assert path.stat().st_size < 400_000
    cells = json.loads(path.read_text('utf-8'))['cells']
    code = [c for c in cells if c['cell_type'] == 'code']
    assert len(code) <= 12
    assert [c['execution_count'] for c in code] == [*range(1, len(code) + 1)]
    assert not [
        o for c in code for o in c['outputs'] if o['output_type'] == 'error'
    ]


@pytest.mark.parametrize('name', NAMES)
def test_the_paper_is_named_where_its_words_are_used(name):
    text = (ROOT / name).read_text()
    if re.search(r'\b(published|released)\b', text, re.IGNORECASE):
        assert '2602.19004' in text and 'bbvisual/MoBind' in text


@pytest.mark.parametrize(
    ('shown', 'printed', 'same'),
    [
        ('offset 3.217 s', 'offset 3.190 s', True),
        ('offset 3.217 s', 'offset 2.9 s', False),
        ('offset 3.217 s', 'shift 3.217 s', False),
        ('6 windows', '7 windows', False),
    ],
)
def test_what_is_alike(shown, printed, same):
    assert alike(shown, printed) is same


def test_every_refusal_is_explained():
    from mobind_mm.apis.sync_reasons import WHY

    page = (ROOT / 'docs/faq.md').read_text()
    for reason in WHY:
        assert f'\n### `{reason}`\n' in page, reason

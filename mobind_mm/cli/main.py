"""The command ``mobind``: one table of subcommands.

A subcommand's module is imported when it is called, so that
``mobind --help`` needs neither PyTorch nor MMEngine. Each of these modules
has a table ``COMMANDS`` of its own, with two functions per subcommand: one
adds the flags to a parser, the other runs, imports what is heavy, and returns
the exit status, if it has one to tell.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from textwrap import indent
from typing import Any, NamedTuple, NoReturn

from ..utils.cli import run_command
from ..utils.errors import mistake, nearest
from ..utils.files import INPUTS, check_output, is_special
from ..version import __version__

Command = tuple[Callable[[ArgumentParser], None], Callable[[Namespace], Any]]
"""Adds the flags of a subcommand; runs it."""

_LARGEST = 1e15
"""Of numbers in flags; a moment of this century is 4e9 s after 1970."""
_OUTPUTS = (
    'out', 'dst', 'write_mapping', 'dump', 'dump_embeddings', 'neighbours',
    'resume', 'load_from',  # from which training continues
)  # fmt: skip
"""Flags of files that a command may replace."""
_, *_PARTS = re.split(
    r'^\[(.*)\]\n',
    Path(__file__).with_name('examples.txt').read_text('utf-8'),
    flags=re.MULTILINE,
)
EXAMPLES = dict(zip(_PARTS[::2], map(str.rstrip, _PARTS[1::2])))
"""What stands at the end of ``--help``, by the words after ``mobind``."""
PLUGINS = 'mobind_mm.plugins'
"""Entry points of other packages that are imported before a subcommand."""


class Entry(NamedTuple):
    """One line of the table.

    Args:
        help: What the subcommand does, in one line.
        target: Name of its module in this package, or a table of
            subcommands below it.
    """

    help: str
    target: str | Table


Table = dict[str, Entry]

CONVERTERS: Table = {
    'tables': Entry('your own recordings, described by a YAML', 'convert'),
    'totalcapture': Entry('TotalCapture', 'convert'),
    'mri': Entry('mRI', 'convert'),
    'egohumans': Entry('EgoHumans', 'convert'),
    'utd_mhad': Entry('UTD-MHAD', 'convert'),
}

INDEX: Table = {
    'build': Entry('make an archive of windows on disk', 'archive'),
    'add': Entry('add windows to an archive', 'archive'),
    'train': Entry('make a grown archive quick again', 'archive'),
    'search': Entry('find the windows most like a recording', 'archive'),
}

COMMANDS: Table = {
    'sync': Entry('find the time offset of sensors and video', 'inference'),
    'align': Entry("write sensors on the video's clock", 'exporting'),
    'app': Entry('do it in the browser, offset by hand', 'live'),
    'live': Entry('find it while they are being recorded', 'live'),
    'localize': Entry('find who wears the sensors, and where', 'inference'),
    'retrieve': Entry('find the video of sensors or vice versa', 'inference'),
    'recognize': Entry('recognise what somebody does', 'inference'),
    'pose': Entry('estimate the 2D poses in videos', 'data'),
    'convert': Entry('convert a data set to recordings', CONVERTERS),
    'inspect': Entry('say what a file or folder is and holds', 'data'),
    'check': Entry('check recordings for likely mistakes', 'data'),
    'example': Entry('write files of simulated people to try', 'data'),
    'study': Entry('simulate a study with a phone and a video', 'data'),
    'train': Entry('train the model of a config', 'train'),
    'test': Entry('evaluate a checkpoint on all tasks', 'test'),
    'eval': Entry('evaluate saved embeddings', 'test'),
    'index': Entry('search millions of windows on disk', INDEX),
    'models': Entry('list the models of the zoo', 'models'),
    'export': Entry('write a model as ONNX or for torch.export', 'models'),
    'import-weights': Entry("convert the authors' released weights", 'models'),
}
"""All subcommands, in the order of ``mobind --help``."""

_SECTIONS = {'sync': 'Sensors and video', 'pose': 'Files', 'train': 'Models'}
"""Headings of ``mobind --help``, by the first subcommand below each."""


class _Parser(ArgumentParser):
    """A parser that ends on a mistake with one line, not with all flags."""

    def error(self, message: str) -> NoReturn:
        """Raise what :func:`run_command` prints."""
        raise ValueError(f'{message}. {self.prog} --help lists the flags.')


def main(*words: str) -> None:
    """Run ``mobind`` with the words of the command line.

    Args:
        *words: What stands before them: a program in ``tools/`` is one
            subcommand under a name of its own.
    """
    try:
        run_command(lambda: _run([*words, *sys.argv[1:]], bool(words)))
    finally:
        INPUTS.clear()


def _run(words: list[str], named: bool) -> None:
    """Find the subcommand, parse its flags, run it.

    ``named`` tells whether the program has a name of its own.
    """
    modules, words = _global_options(words)
    program, table = 'mobind', COMMANDS
    while True:
        name = words.pop(0) if words else None
        if name in (None, '-h', '--help'):
            print(_overview(program, table))
            sys.exit(0 if name else 2)
        entry = table.get(name)
        if entry is None and table is CONVERTERS:
            entry = _registered(modules, words)
        if entry is None:
            raise ValueError(
                f'{name!r} is not a command of {program}. '
                f'{nearest(name, table)}{program} --help lists them.'
            )
        program = f'{program} {name}'
        if isinstance(entry.target, str):
            break
        table = entry.target
    module = import_module(f'.{entry.target}', __package__)
    commands: dict[str, Command] = module.COMMANDS
    add_arguments, run = commands.get(name) or commands['']
    parser = _Parser(
        prog=Path(sys.argv[0]).name if named else program,
        description=inspect.getdoc(run),
        epilog=_examples(program.partition(' ')[2]),
        formatter_class=RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    _add_import(parser)
    groups = parser._action_groups  # what applies to every command comes last
    groups.append(groups.pop(1))
    parser.set_defaults(command=name)
    args = parser.parse_args(words)
    _check_values(args)
    for name in ('out', 'out_dir'):
        if getattr(args, name, None):
            flag = f'--{name.replace("_", "-")}'
            path = getattr(args, name)
            check_output(path, _is_directory(parser, name, path), flag)
    _load_plugins()
    _import_modules([*modules, *args.imports])
    status = run(args)
    if status is not None:
        sys.exit(status)


def _check_values(args: Namespace) -> None:
    """Refuse pipes, sockets and devices, and numbers that are none.

    Files that are read are noted, so that no result replaces them.

    Raises:
        ValueError: Naming the flag and the path.
    """
    for name, given in vars(args).items():
        for value in given if isinstance(given, list) else [given]:
            if isinstance(value, float) and not abs(value) < _LARGEST:
                what = 'is not a number of any use here'
                raise mistake(f'--{name.replace("_", "-")}', what, value=value)
            if not isinstance(value, (str, Path)):
                continue
            if is_special(value):
                raise mistake(
                    f'{name}: {value}',
                    'is a pipe, a socket or a device, not a file',
                    'Save what it gives as a file, or give another path',
                )
            if name not in _OUTPUTS and os.path.isfile(value):
                INPUTS.add(os.path.realpath(value))


def _examples(words: str) -> str:
    """What stands below the flags of a subcommand."""
    text = EXAMPLES.get(words, '')
    many = 's' * ('\nmobind' in text)
    return text and f'example{many}:\n{indent(text, "  ")}'


def _is_directory(parser: ArgumentParser, name: str, path: str) -> bool:
    """Whether a flag names a directory, as its help says; PATH is either."""
    actions = {action.dest: action.metavar for action in parser._actions}
    if actions[name] == 'PATH':
        return os.path.isdir(path)
    return actions[name] != 'FILE'


def _registered(modules: list[str], words: list[str]) -> Entry | None:
    """Converter of a format that a module of the user may register."""
    imports = modules or any(word.startswith('--import') for word in words)
    return Entry('', 'convert') if imports or any(_plugins()) else None


def _global_options(words: list[str]) -> tuple[list[str], list[str]]:
    """Take the flags before the subcommand: modules, remaining words."""
    count = 0
    while count < len(words) and words[count].startswith('-'):
        if words[count] in ('-h', '--help'):
            break
        count += 2 if words[count] == '--import' else 1
    parser = _Parser(prog='mobind', add_help=False)
    parser.add_argument(
        '--version', action='version', version=f'mobind_mm {__version__}'
    )
    _add_import(parser)
    return parser.parse_args(words[:count]).imports, words[count:]


def _add_import(parser: ArgumentParser) -> None:
    parser.add_argument(
        '--import',
        dest='imports',
        action='extend',
        type=lambda text: text.split(','),
        default=[],
        metavar='MODULE[,MODULE]',
        help='import Python modules first, e.g. to register readers, limbs, '
        'synchronisers or backbones; also found in the current directory',
    )


def _overview(program: str, table: Table) -> str:
    """What ``--help`` prints: one line per subcommand."""
    width = max(map(len, table)) + 2
    lines = []
    for name in table:
        if table is COMMANDS and name in _SECTIONS:
            lines += ['', f'{_SECTIONS[name]}:']
        lines.append(f'  {name:<{width}}{table[name].help}')
    end = f'\n{program} COMMAND --help describes a command.'
    if table is COMMANDS:
        options = '[--version] [--import MODULE[,MODULE]] '
        about = 'Put body-worn sensors and a video on one clock.'
        first = EXAMPLES['sync'].splitlines()[0]
        end = end.replace('.', ', with examples. The first to try:\n\n  ')
        end += first
    else:
        options, about = '', COMMANDS[program.split()[1]].help
        about = f'{about[0].upper()}{about[1:]}.\n'
    return '\n'.join(
        [f'usage: {program} {options}COMMAND ...\n\n{about}', *lines, end]
    )


def _load_plugins() -> None:
    """Import what other packages register.

    Raises:
        ImportError: Naming the entry point that cannot be imported.
    """
    for point in _plugins():
        try:
            point.load()
        except Exception as error:
            raise ImportError(
                f'The plug-in {point.name} = {point.value} ({PLUGINS}) '
                f'cannot be imported: {error!r}. Fix or uninstall its package.'
            ) from error


def _plugins() -> Iterable[Any]:
    from importlib import metadata

    points: Any = metadata.entry_points()
    if sys.version_info >= (3, 10):
        return points.select(group=PLUGINS)
    return points.get(PLUGINS, ())


def _import_modules(names: Sequence[str]) -> None:
    """Import modules that are installed or in the current directory.

    Raises:
        FileNotFoundError: If the current directory was removed.
        ImportError: Naming the module that does not exist.
    """
    try:
        directory = os.getcwd()
    except FileNotFoundError:
        raise FileNotFoundError(
            'The current directory has been removed; change to another (cd).'
        ) from None
    if names and directory not in sys.path:
        sys.path.insert(0, directory)
    for name in names:
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            if not f'{name}.'.startswith(f'{error.name}.'):
                raise
            raise ImportError(
                f'--import {name}: there is no such module in {directory}, '
                'and none is installed; give its name without .py.'
            ) from None

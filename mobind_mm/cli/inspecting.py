"""``mobind inspect``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ..utils.errors import printable
from ..utils.files import replacing
from ..utils.results import prepare_results, write_json


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument('path', help='file or folder of sensors or skeletons')
    parser.add_argument(
        '--mapping', metavar='YAML', help='meaning of the columns of a table'
    )
    parser.add_argument('--json', metavar='OUT', help='write it all as JSON')
    parser.add_argument(
        '--write-mapping',
        metavar='YAML',
        help='write a first mapping of a table that nobody knows; guesses '
        'are marked',
    )


def inspect(args: Namespace) -> int:
    """Say what a file or folder is, what it holds, and what is assumed.

    Exits with 0 if it can be read, 1 if not, 2 if it is not there.
    """
    from ..checks.inspection import describe_facts, inspect_path

    if args.json:
        prepare_results(args.json)
    facts = inspect_path(args.path, args.mapping)
    print('\n'.join(map(printable, describe_facts(facts))))
    if args.json:
        write_json(args.json, facts)
        print('written:', args.json)
    if args.write_mapping:
        if not facts['mapping']:
            raise ValueError(
                f'{args.path} needs no mapping: it is read as '
                f'{facts["title"]}.'
                if not facts['problem']
                else f'{args.path}: no mapping can be guessed.'
            )
        with replacing(args.write_mapping) as temporary:
            temporary.write_text(facts['mapping'], encoding='utf-8')
        print('written:', args.write_mapping)
    elif facts['mapping']:
        print('--write-mapping FILE.yml writes this as a mapping to correct.')
    return 1 if facts['problem'] else 0


COMMANDS = {'inspect': (_arguments, inspect)}

"""``mobind app``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        '--host',
        default='127.0.0.1',
        help='address to listen to; default: 127.0.0.1, this computer alone. '
        'Any other lets everybody in the network use the app',
    )
    parser.add_argument(
        '--port',
        type=int,
        default=7860,
        help='0 for a free one; default: 7860',
    )
    parser.add_argument(
        '--max-mb',
        type=float,
        default=2000.0,
        metavar='MB',
        help='most megabytes that a page may upload; default: 2000',
    )
    parser.add_argument(
        '--study',
        metavar='DIR',
        help='show the results of mobind sync --study, which are in DIR',
    )
    parser.add_argument(
        '--no-browser', action='store_true', help='do not open the browser'
    )


def app(args: Namespace) -> None:
    """Synchronise in the browser, and correct the offset by hand.

    Files stay on this computer, in a temporary folder that is removed when
    the app ends (Ctrl+C).
    """
    try:
        from ..app.server import serve
    except ModuleNotFoundError as error:
        if error.name not in ('starlette', 'uvicorn', 'anyio'):
            raise
        raise ImportError(
            f'mobind app needs {error.name}: pip install '
            "'mobind_mm[app,video]'."
        ) from None

    study = Path(args.study) if args.study else None
    if study is not None and not (study / 'study.csv').is_file():
        raise ValueError(
            f'{study} has no study.csv; give the folder that mobind sync '
            '--study wrote.'
        )

    def show(url: str) -> None:
        print(f'mobind app: {url} (Ctrl+C ends it)', flush=True)
        if not args.no_browser:
            import webbrowser

            webbrowser.open(url)

    serve(args.host, args.port, args.max_mb, study, show)


COMMANDS = {'app': (_arguments, app)}

"""``mobind live`` and ``mobind app``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from ..utils.errors import printable
from ..utils.results import write_json
from .arguments import between, flags, placements_of, print_notes

if TYPE_CHECKING:
    from ..apis.lsl import LiveSession
    from ..synchronization import LiveState


def _arguments(parser: ArgumentParser) -> None:
    flag = flags(parser)
    flag('--list', 'list the streams, and end')
    flag(
        '--imu NAME ...',
        'names or types of the streams of sensors; default: those of type '
        'IMU, or whose name says where they are worn',
    )
    flag(
        '--pose NAME',
        'name or type of the stream of the skeleton; default: that of type '
        'Pose',
    )
    flag(
        '--placement [STREAM=]NAME ...',
        'where sensors are worn, if the names of the streams do not say it; '
        'STREAM=NAME for each of several',
    )
    flag('--layout LAYOUT', 'skeleton layout; default: by the channels')
    flag(
        '--img-shape HEIGHT WIDTH',
        'size of the video in pixels',
        type=between(1, 100_000, int),
        default=(1080, 1920),
    )
    flag(
        '--duration SEC',
        'end after so long; default: until Ctrl-C',
        type=float,
    )
    flag(
        '--wait SEC',
        'how long to look for streams',
        type=between(0, 3600),
        default=3.0,
    )
    flag(
        '--max-lag SEC',
        'how much later than the other one stream may be',
        type=between(0.01, 3600),
        default=10.0,
    )
    flag('--out-dir DIR', 'where sync.json goes', default='live')


def live(args: Namespace) -> int:
    """Synchronise sensors and skeleton of Lab Streaming Layer, live.

    Shows offset, drift and confidence in one line that is refreshed, and
    writes sync.json at the end, also on Ctrl-C. Exits with 0 if the offset
    is known, else with 1.
    """
    from ..apis.lsl import (
        LiveSession,
        choose_streams,
        describe_stream,
        find_streams,
    )
    from ..apis.synchronizing import describe

    streams = find_streams(args.wait)
    if args.list:
        lines = [describe_stream(info) for info in streams]
        print('\n'.join(lines or ['no streams found']))
        return 0 if streams else 1
    sensors, pose = choose_streams(streams, args.imu, args.pose)
    placement = placements_of(args.placement)
    if isinstance(placement, str):
        placement = {info.name(): placement for info in sensors}
    session = LiveSession(
        sensors,
        pose,
        placement,
        args.layout,
        tuple(args.img_shape),
        max_lag=args.max_lag,
    )
    _show(session, args.duration)
    state = session.live.state()
    if state.confirmed_s != state.confirmed_s:  # nothing was ever confirmed
        print_notes([*session.notes(), *state.notes])
        print(f'no offset: {state.reason}')
        return 1
    answer = session.answer()
    print(printable(describe(answer), keep='\n'))
    print_notes(answer['notes'])
    out = Path(args.out_dir) / 'sync.json'
    out.parent.mkdir(parents=True, exist_ok=True)
    write_json(out, answer)
    print('written:', out)
    return int(answer['abstained'])


def _show(session: LiveSession, seconds: float | None) -> None:
    """One line that is refreshed, until the time is over or Ctrl-C."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console()
    shown: set[str] = set()
    with Live(console=console, auto_refresh=False) as line:
        try:
            for state in session.run(seconds):
                for note in [*session.notes(), *state.notes]:
                    # Silences count seconds: each is said once.
                    key = note.split(' for ')[0]
                    if key not in shown:
                        shown.add(key)
                        console.print(Text(f'note: {note}'))
                line.update(Text(status_line(state)), refresh=True)
        except KeyboardInterrupt:
            pass


def status_line(state: LiveState) -> str:
    """What is known, in one line.

    >>> from mobind_mm.synchronization import LiveState
    >>> status_line(LiveState())
    'no offset yet: too short'
    >>> status_line(LiveState(10.0, 0.25, 40.0, 9.0, 0.98, False, '', 9.0))
    'offset +0.250 s, drift +40 ± 9 ppm, confidence 0.98'
    """
    if state.confirmed_s != state.confirmed_s:
        return f'no offset yet: {state.reason}'
    parts = [f'offset {state.offset:+.3f} s']
    if state.drift_error_ppm < 100:
        parts.append(
            f'drift {state.drift_ppm:+.0f} ± {state.drift_error_ppm:.0f} ppm'
        )
    parts.append(f'confidence {state.confidence:.2f}')
    if state.abstained:
        parts.append(f'not to be used now: {state.reason}')
    if state.jumps:
        parts.append(f'{len(state.jumps)} jumps')
    return ', '.join(parts)


def _app_arguments(parser: ArgumentParser) -> None:
    flag = flags(parser)
    flag(
        '--host HOST',
        'address to listen to; default: 127.0.0.1, this computer alone. Any '
        'other lets everybody in the network use the app',
        default='127.0.0.1',
    )
    flag(
        '--port PORT',
        '0 for a free one',
        type=between(0, 65_535, int),
        default=7860,
    )
    flag(
        '--max-mb MB',
        'most megabytes that a page may upload',
        type=between(0.001, 1e9),
        default=2000.0,
    )
    flag(
        '--study DIR',
        'show the results of mobind sync --study, which are in DIR',
    )
    flag('--no-browser', 'do not open the browser')


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
            "'mobind_mm[app,pose]'."
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


COMMANDS = {'live': (_arguments, live), 'app': (_app_arguments, app)}

"""The server of ``mobind app``: files in, answers and files out."""

from __future__ import annotations

import asyncio
import csv
import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from .requests import WORK, read_request
from .sessions import MEGABYTE, Session, Sessions

_STATIC = Path(__file__).parent / 'static'
_JOBS_AT_ONCE = 2
_SWEEP_SEC = 15.0
_MOST_ASKED = 1 << 20
"""Bytes of a request for work; those of the page have a few hundred."""
_LAST_SEC = 2
"""Seconds for requests that are under way when the app is ended."""
_HEADERS = {
    'Content-Security-Policy': (
        "default-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
        "frame-ancestors 'none'"
    ),
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-store',
}
_RESULTS = ('sync.json', 'view.json', 'skeleton.bin', 'aligned.zip')
_SHOWN = ('.png', '.mp4', '.json', '.csv')
"""Files of a study's results that can be looked at."""


def build_app(
    sessions: Sessions, hosts: set[str], study: Path | None = None
) -> Starlette:
    """The web application.

    ``hosts`` are the names under which it may be called; a page of another
    site that makes its own name point here is refused.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async def sweep() -> None:
            while True:
                await asyncio.sleep(_SWEEP_SEC)
                sessions.sweep()

        task = asyncio.create_task(sweep())
        yield
        task.cancel()
        sessions.close_all()

    routes = [
        Route('/', _index),
        Route('/sessions', _open, methods=['POST']),
        Route('/s/{token}/alive', _alive),
        Route('/s/{token}/close', _close, methods=['POST']),
        Route('/s/{token}/cancel', _cancel, methods=['POST']),
        Route('/s/{token}/files/{name:path}', _upload, methods=['PUT']),
        Route('/s/{token}/files/{name:path}', _remove, methods=['DELETE']),
        Route('/s/{token}/job/{what}', _job, methods=['POST']),
        Route('/s/{token}/result/{name:path}', _result),
        Route('/study', _study),
        Route('/study/{name:path}', _study_file),
        Mount('/static', StaticFiles(directory=_STATIC)),
    ]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={HTTPException: _refused},
    )
    app.state.sessions, app.state.study = sessions, study
    app.state.slots = asyncio.Semaphore(_JOBS_AT_ONCE)
    app.add_middleware(_Guard, hosts=hosts)
    return app


class _Guard:
    """Refuses what other sites send, and adds headers to every answer."""

    def __init__(self, app: Any, hosts: set[str]) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope['type'] != 'http':
            await self.app(scope, receive, send)
            return
        headers = Request(scope).headers
        host, place = _address(f'//{headers.get("host", "")}')
        origin = headers.get('origin')
        foreign = origin and _address(origin)[1] != place
        if host not in self.hosts or foreign:
            text = 'This app answers its own page alone.'
            await JSONResponse({'error': text}, 403)(scope, receive, send)
            return

        async def send_with_headers(message: Any) -> None:
            if message['type'] == 'http.response.start':
                message['headers'] = [
                    *message['headers'],
                    *((k.lower().encode(), v.encode()) for k, v in _ITEMS),
                ]
            await send(message)

        await self.app(scope, receive, send_with_headers)


def _address(url: str) -> tuple[str | None, str]:
    """Name of a host, and the name with its port; None of what is no URL."""
    try:
        parts = urlsplit(url)
        return parts.hostname, parts.netloc
    except ValueError:  # brackets around something else
        return None, ''


_ITEMS = [*_HEADERS.items()]


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({'error': error.detail}, error.status_code)


def _session(request: Request) -> Session:
    session = request.app.state.sessions.get(request.path_params['token'])
    if session is None:
        raise HTTPException(410, 'This page was closed: load it again.')
    return session


async def _index(request: Request) -> Response:
    return FileResponse(_STATIC / 'index.html')


async def _open(request: Request) -> Response:
    sessions: Sessions = request.app.state.sessions
    try:
        session = sessions.open()
    except ValueError as error:
        raise HTTPException(503, str(error)) from None
    return JSONResponse(
        {
            'token': session.token,
            'max_bytes': sessions.max_bytes,
            'study': request.app.state.study is not None,
        }
    )


async def _alive(request: Request) -> Response:
    _session(request)
    return JSONResponse({})


async def _close(request: Request) -> Response:
    request.app.state.sessions.close(request.path_params['token'])
    return JSONResponse({})


async def _cancel(request: Request) -> Response:
    return JSONResponse({'cancelled': _session(request).cancel()})


def _too_large(name: str, size: int, limit: int) -> HTTPException:
    needed = -(-size // MEGABYTE)
    return HTTPException(
        413,
        f'{name}: {size / MEGABYTE:.0f} MB are more than the '
        f'{limit / MEGABYTE:.0f} MB that this app takes at once; start it '
        f'with mobind app --max-mb {needed}, or use mobind sync.',
    )


def _said(request: Request) -> int:
    """Bytes that a request says it has; 0 if it does not say."""
    text = request.headers.get('content-length', '')
    return int(text) if re.fullmatch('[0-9]{1,18}', text) else 0


async def _upload(request: Request) -> Response:
    """Take a file, part by part; nothing is kept in memory."""
    session = _session(request)
    name = request.path_params['name']
    try:
        path = session.path(name)
    except ValueError as error:
        raise HTTPException(400, str(error)) from None
    async with session.uploads:  # of two at once, both would find room
        return await _take(request, session, path)


async def _take(request: Request, session: Session, path: Path) -> Response:
    limit = request.app.state.sessions.max_bytes
    used = session.used() - (path.stat().st_size if path.is_file() else 0)
    said = _said(request)
    if used + said > limit:
        raise _too_large(path.name, used + said, limit)
    part = path.with_name(f'{path.name}.part')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        size = 0
        with part.open('wb') as file:
            async for chunk in request.stream():
                size += len(chunk)
                if used + size > limit:
                    raise _too_large(path.name, used + size, limit)
                file.write(chunk)
        part.replace(path)
    except ClientDisconnect:
        return Response(status_code=400)
    except OSError as error:
        raise HTTPException(507, f'{path.name}: {error.strerror}') from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    relative = path.relative_to(session.inputs).as_posix()
    return JSONResponse({'name': relative, 'bytes': size})


async def _remove(request: Request) -> Response:
    session = _session(request)
    try:
        path = session.path(request.path_params['name'])
    except ValueError as error:
        raise HTTPException(400, str(error)) from None
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
    return JSONResponse({})


async def _job(request: Request) -> Response:
    """Do some work; it ends with the page that asked for it."""
    session, what = _session(request), request.path_params['what']
    if what not in WORK:
        raise HTTPException(404, 'There is no such work.')
    try:
        asked = await _asked(request, session)
    except ValueError as error:
        raise HTTPException(400, f'Not understood: {error}') from None
    except ClientDisconnect:
        return Response(status_code=400)
    async with request.app.state.slots:
        answer = session.start(what, asked)
        job = session.job
        while not answer.poll():
            if not job.is_alive() and not answer.poll():
                break
            if session.job is not job or await request.is_disconnected():
                if session.job is job:
                    session.cancel()
                raise HTTPException(499, 'Stopped.')
            await asyncio.sleep(0.05)
        try:
            state, value = answer.recv()
        except EOFError:
            state, value = 'error', 'The work ended: no memory, perhaps.'
        job.join(5)
    if state == 'error':
        raise HTTPException(422, value)
    return JSONResponse(value)


async def _asked(request: Request, session: Session) -> dict[str, Any]:
    """The body of a request, whose names of files are inside the folder."""
    body = b''
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_ASKED:
            raise HTTPException(413, 'The request is too long.')

    def inside(name: str) -> str:
        return session.path(name).relative_to(session.inputs).as_posix()

    return read_request(request.path_params['what'], body, inside)


def _is_inside(path: Path, folder: Path, is_dir: bool = False) -> bool:
    """Whether a file is there, or a folder, and below a folder."""
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
        return inside and (path.is_dir() if is_dir else path.is_file())
    except (OSError, ValueError):  # a name that is too long, or has a NUL
        return False


async def _result(request: Request) -> Response:
    session, name = _session(request), request.path_params['name']
    allowed = name in _RESULTS or name.startswith('download/')
    path = session.outputs / name
    if not allowed or not _is_inside(path, session.outputs):
        raise HTTPException(404, 'There is no such result.')
    return FileResponse(path, filename=path.name)


async def _study(request: Request) -> Response:
    """Rows of ``study.csv``."""
    folder = request.app.state.study
    if folder is None:
        raise HTTPException(404, 'Start with mobind app --study DIR.')
    return JSONResponse(read_study(folder))


def read_study(folder: Path) -> dict[str, Any]:
    """What a folder holds that ``mobind sync --study`` wrote.

    Returns:
        ``columns`` and ``rows`` of ``study.csv``, all as texts, and the
        ``files`` of each recording that can be looked at.

    Raises:
        HTTPException: If there is no such table.
    """
    path = folder / 'study.csv'
    try:
        with path.open(encoding='utf-8', newline='') as file:
            rows = [*csv.DictReader(file)][:10_000]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise HTTPException(422, f'{path} cannot be read: {error}') from None
    files = {}
    for row in rows:
        name = row.get('folder') or row.get('recording') or ''
        place = folder / name
        if name and _is_inside(place, folder, is_dir=True):
            files[row.get('recording') or name] = sorted(
                p.relative_to(folder).as_posix()
                for p in place.iterdir()
                if p.suffix in _SHOWN
            )
    columns = [c for c in (rows[0] if rows else ()) if c is not None]
    plain = [{c: row.get(c) or '' for c in columns} for row in rows]
    return {
        'folder': folder.name,
        'columns': columns,
        'rows': plain,
        'files': files,
    }


async def _study_file(request: Request) -> Response:
    folder, name = request.app.state.study, request.path_params['name']
    if folder is None:
        raise HTTPException(404, 'There is no study.')
    path = folder / name
    if path.suffix not in _SHOWN or not _is_inside(path, folder):
        raise HTTPException(404, 'There is no such file.')
    return FileResponse(path)


def serve(
    host: str, port: int, max_mb: float, study: Path | None, show: Callable
) -> None:
    """Run the app until it is interrupted.

    ``port`` 0 takes a free one; ``show`` gets the URL once the server answers.
    """
    import uvicorn

    sessions = Sessions(max_mb)
    local = {'localhost', '127.0.0.1', '::1'}
    app = build_app(sessions, local | {host.strip('[]')}, study)
    config = uvicorn.Config(
        app,
        host,
        port,
        log_level='warning',
        timeout_graceful_shutdown=_LAST_SEC,
    )

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            if self.started:
                at = self.servers[0].sockets[0].getsockname()[1]
                name = f'[{host}]' if ':' in host else host
                show(f'http://{name}:{at}/')

    try:
        Server(config).run()
    finally:
        sessions.close_all()

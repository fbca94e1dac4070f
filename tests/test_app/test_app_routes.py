"""The routes of the app, without a browser: limits, names, pages apart."""

import asyncio
import json
import os
import tempfile
import time
from types import SimpleNamespace

import pytest
from programs import posix

from mobind_mm.utils.locks import locked

pytest.importorskip('starlette')

from mobind_mm.app import server
from mobind_mm.app import sessions as pages
from mobind_mm.app.sessions import Sessions, safe_name
from mobind_mm.app.work import moved_by_hand, run

HOST = {'host': '127.0.0.1:7860'}


def ask(app, method, path, body=b'', headers=HOST, chunks=(), leaves=False):
    """One request to an ASGI application: status, headers, body."""
    given = [(k.encode(), v.encode()) for k, v in headers.items()]
    scope = {
        'type': 'http',
        'asgi': {'version': '3.0'},
        'http_version': '1.1',
        'method': method,
        'path': path,
        'raw_path': path.encode(),
        'query_string': b'',
        'root_path': '',
        'headers': given,
        'client': ('127.0.0.1', 1),
        'server': ('127.0.0.1', 7860),
        'scheme': 'http',
    }
    parts = [*chunks] or [body]
    sent, given_out = SimpleNamespace(status=0, headers={}, body=b''), []

    async def receive():
        if parts:
            part = parts.pop(0)
            given_out.append(part)
            return {
                'type': 'http.request',
                'body': part,
                'more_body': bool(parts) or leaves,
            }
        if leaves:
            return {'type': 'http.disconnect'}
        await asyncio.sleep(3600)

    async def send(message):
        if message['type'] == 'http.response.start':
            sent.status = message['status']
            sent.headers = {
                k.decode(): v.decode() for k, v in message['headers']
            }
        else:
            sent.body += message.get('body', b'')

    asyncio.run(app(scope, receive, send))
    sent.taken = len(given_out)
    sent.json = json.loads(sent.body) if sent.body[:1] == b'{' else None
    return sent


@pytest.fixture
def app():
    opened = Sessions(max_mb=1.0)
    yield server.build_app(opened, {'127.0.0.1', 'localhost'})
    opened.close_all()


def token(app):
    return ask(app, 'POST', '/sessions').json['token']


def test_the_page_and_its_headers(app):
    answer = ask(app, 'GET', '/')
    assert answer.status == 200 and b'Drop files here' in answer.body
    assert "default-src 'self'" in answer.headers['content-security-policy']
    for name in ('app.js', 'draw.js', 'study.js', 'style.css'):
        assert ask(app, 'GET', f'/static/{name}').status == 200


@pytest.mark.parametrize(
    'headers',
    [
        {'host': 'evil.example'},
        {'host': '127.0.0.1:7860', 'origin': 'http://evil.example'},
        {'host': '127.0.0.1:7860', 'origin': 'http://127.0.0.1:8080'},
        {'host': '127.0.0.1:7860', 'origin': 'null'},
    ],
)
def test_other_sites_are_refused(app, headers):
    assert ask(app, 'POST', '/sessions', headers=headers).status == 403
    own = {**HOST, 'origin': 'http://127.0.0.1:7860'}
    assert ask(app, 'POST', '/sessions', headers=own).status == 200


@pytest.mark.parametrize(
    'name',
    [
        '../../../outside.csv',
        '..\\..\\outside.csv',
        '/etc/outside.csv',
        'a/../../b.csv',
        '.bashrc',
        'a\0b\n.csv',
        'C:\\Windows\\x.csv',
    ],
)
def test_names_cannot_leave_the_folder(app, name):
    opened = app.state.sessions
    session = opened.get(token(app))
    path = session.path(name)
    assert path.resolve().is_relative_to(session.inputs.resolve())
    assert not {'..', ''} & {*path.relative_to(session.inputs).parts}
    route = f'/s/{session.token}/files/{name}'
    status = ask(app, 'PUT', route, b'x').status
    files = [p for p in opened.root.rglob('*') if p.is_file()]
    files.remove(opened.root / '.lock')
    # A line break is no part of any route.
    assert (status, files) == ((404, []) if '\n' in name else (200, [path]))


@pytest.mark.parametrize('name', ['', '/', '..', '../..', 'a/b/c/d/e/f'])
def test_what_is_no_name(name):
    with pytest.raises(ValueError, match='is not a name of a file'):
        safe_name(name)


def test_results_cannot_name_other_files(app):
    session = app.state.sessions.get(token(app))
    session.outputs.joinpath('sync.json').write_text('{}')
    session.inputs.joinpath('imu.csv').write_text('secret')
    base = f'/s/{session.token}/result'
    assert ask(app, 'GET', f'{base}/sync.json').status == 200
    for name in ('../in/imu.csv', 'download/../../in/imu.csv', 'request.json'):
        assert ask(app, 'GET', f'{base}/{name}').status == 404


def test_the_limit_is_named(app):
    route = f'/s/{token(app)}/files/take.mp4'
    headers = {**HOST, 'content-length': '200000000'}
    answer = ask(app, 'PUT', route, b'x' * 10, headers)
    assert answer.status == 413 and answer.taken == 0
    assert '200 MB are more than the 1 MB' in answer.json['error']
    assert '--max-mb 200' in answer.json['error']


def test_the_limit_holds_without_a_length(app):
    session = app.state.sessions.get(token(app))
    route = f'/s/{session.token}/files/take.mp4'
    chunks = [b'x' * 300_000] * 10
    answer = ask(app, 'PUT', route, chunks=chunks)
    assert answer.status == 413 and answer.taken == 4
    assert [*session.inputs.iterdir()] == []
    # All files of a page count together; one that is replaced does not.
    for _ in range(2):
        assert (
            ask(app, 'PUT', route, chunks=[b'x' * 300_000] * 3).status == 200
        )
    other = f'/s/{session.token}/files/more.mp4'
    assert ask(app, 'PUT', other, chunks=[b'x' * 200_000]).status == 413


def test_pages_are_apart_and_go(app):
    opened = app.state.sessions
    one, two = token(app), token(app)
    ask(app, 'PUT', f'/s/{one}/files/imu.csv', b'1')
    assert [*opened.get(two).inputs.iterdir()] == []
    folder = opened.get(one).folder
    assert ask(app, 'POST', f'/s/{one}/close').status == 200
    assert not folder.exists()
    assert ask(app, 'GET', f'/s/{one}/alive').status == 410
    assert ask(app, 'GET', f'/s/{two}/alive').status == 200
    opened.close_all()
    assert not opened.root.exists()


def test_a_silent_page_is_closed(app, monkeypatch):
    opened = app.state.sessions
    silent, other = token(app), token(app)
    opened.get(silent).touched = time.monotonic() - 1000
    folder = opened._open[silent].folder
    opened.sweep()
    assert not folder.exists() and opened.get(silent) is None
    assert opened.get(other) is not None
    monkeypatch.setattr(pages, '_MAX_SESSIONS', 1)
    assert ask(app, 'POST', '/sessions').status == 503


class Inbox:
    def send(self, value):
        self.value = value


def test_messages_name_files_as_the_user_does(tmp_path):
    (tmp_path / 'in').mkdir()
    (tmp_path / 'in/broken.mp4').write_bytes(b'\0' * 500)
    inbox = Inbox()
    run(inbox, 'inspect', str(tmp_path), {'name': 'broken.mp4'})
    state, facts = inbox.value
    assert state == 'done' and facts['problem'].startswith('broken.mp4')
    assert str(tmp_path) not in json.dumps(facts)
    run(inbox, 'inspect', str(tmp_path), {'name': 'gone.csv'})
    assert inbox.value[0] == 'error'
    assert inbox.value[1].startswith('gone.csv does not exist')


def test_moved_by_hand():
    clock = {'video_s': [0.0, 9.0], 'offset_s': [1.0, 1.5]}
    answer = {
        'offset_s': 1.0,
        'clock': clock,
        'abstained': True,
        'reason': 'weak',
        'notes': ['one'],
        'sensor_clocks': {'head': {'offset_s': 4.0, 'clock': clock}},
    }
    moved = moved_by_hand(answer, -0.25)
    assert moved['clock']['offset_s'] == [0.75, 1.25]
    assert moved['sensor_clocks']['head']['offset_s'] == 3.75
    assert not moved['abstained'] and moved['reason'] == ''
    assert 'by hand by -0.250 s' in moved['notes'][1]
    assert answer['offset_s'] == 1.0 and clock['offset_s'] == [1.0, 1.5]


def test_a_study(tmp_path):
    folder = tmp_path / 'results'
    (folder / 'pairs/a').mkdir(parents=True)
    (folder / 'pairs/a/curve.png').write_bytes(b'png')
    (tmp_path / 'secret.csv').write_text('secret')
    folder.joinpath('study.csv').write_text(
        'recording,video,offset_s,confidence,folder\n'
        'a,a.mp4,1.5,0.9,pairs/a\n'
        'b,b.mp4,,,../..\n'
    )
    opened = Sessions()
    app = server.build_app(opened, {'127.0.0.1'}, folder)
    answer = ask(app, 'GET', '/study').json
    assert answer['files'] == {'a': ['pairs/a/curve.png']}
    assert answer['rows'][0]['offset_s'] == '1.5'
    assert ask(app, 'GET', '/study/pairs/a/curve.png').body == b'png'
    assert ask(app, 'GET', '/study/../secret.csv').status == 404
    folder.joinpath('study.csv').unlink()
    assert (
        'study.csv cannot be read' in ask(app, 'GET', '/study').json['error']
    )
    opened.close_all()


@pytest.mark.parametrize('said', ['9' * 5000, '²', '-1', ' 5', '0x10'])
def test_lengths_that_are_none(app, said):
    route = f'/s/{token(app)}/files/a.csv'
    answer = ask(app, 'PUT', route, b'x', {**HOST, 'content-length': said})
    assert answer.status == 200


@pytest.mark.parametrize(
    ('body', 'status'),
    [
        (b'[' * 100_000, 400),
        (b'5', 400),
        (b'[]', 400),
        (b'{"sensors": 5}', 400),
        (b'{"sensors": [{"name": ""}]}', 400),
        (b'{"pose": [1]}', 400),
        (b'\xff', 400),
        (b' ' * 2_000_000, 413),
    ],
)
def test_requests_that_are_none(app, body, status):
    route = f'/s/{token(app)}/job/sync'
    assert ask(app, 'POST', route, body).status == status


@pytest.mark.parametrize('path', ['job/inspect', 'files/a.csv'])
def test_who_leaves_within_a_request(app, path):
    method = 'POST' if path[0] == 'j' else 'PUT'
    route = f'/s/{token(app)}/{path}'
    assert ask(app, method, route, b'{', leaves=True).status == 400
    assert not [p for p in app.state.sessions.root.rglob('a*') if p.is_file()]


def test_a_nul_is_in_no_name(app, tmp_path):
    base = f'/s/{token(app)}/result'
    for name in ('a\0b', 'download/a\0b', 'x' * 5000):
        assert ask(app, 'GET', f'{base}/{name}').status == 404
    (tmp_path / 'study.csv').write_text('recording,folder\na,x\0y\nb,..\n')
    opened = Sessions()
    study = server.build_app(opened, {'127.0.0.1'}, tmp_path)
    assert ask(study, 'GET', '/study').json['files'].keys() <= {'a', 'b'}
    for name in ('a\0b.csv', 'x' * 5000 + '.csv'):
        assert ask(study, 'GET', f'/study/{name}').status == 404
    opened.close_all()


@pytest.mark.parametrize('place', ['/{}', '../secret.csv', 'a/../../{}'])
def test_a_mapping_names_uploaded_files_alone(tmp_path, place):
    secret = tmp_path / 'secret.csv'
    secret.write_text('t,a,b,c\n0,1,2,3\n1,1,2,3\n')
    (tmp_path / 'page/in').mkdir(parents=True)
    name = place.format(str(secret).lstrip('/'))
    (tmp_path / 'page/in/m.yml').write_text(
        f'file: {name}\nplacement: head\ncolumns: {{time: t, acc: [a, b, c]}}'
        '\nunits: {time: s, acc: g}\ngravity: included\nframe: sensor\n'
    )
    asked = [
        ('inspect', {'name': 'm.yml'}),
        ('inspect', {'name': 'm.yml', 'mapping': 'm.yml'}),
        ('sync', {'sensors': [{'name': 'm.yml'}], 'pose': {'name': 'p'}}),
        ('sync', {'sensors': [], 'pose': {'name': 'p', 'mapping': 'm.yml'}}),
    ]
    for what, request in asked:
        inbox = Inbox()
        run(inbox, what, str(tmp_path / 'page'), request)
        state, text = inbox.value
        assert state == 'error' and 'm.yml' in text, inbox.value
        assert 'not uploaded' in text


def test_names_and_requests_of_the_app():
    """Names of hosts and files, and requests, at the doors of the app."""
    pytest.importorskip('starlette')
    from mobind_mm.app.requests import read_request
    from mobind_mm.app.server import _address
    from mobind_mm.app.sessions import Sessions, safe_name

    assert _address('//[::1') == _address('//[]') == (None, '')
    assert _address('//[::1]:7860') == ('::1', '[::1]:7860')
    for name in ('漢' * 200 + '.csv', 'a' * 300 + '.csv'):  # OSError
        short = str(safe_name(name))
        assert len(short.encode()) <= 150 and short.endswith('.csv')
    opened = Sessions()
    session = opened.open()

    def read(what, request):
        body = json.dumps(request).encode()
        return read_request(what, body, lambda n: f'in/{n}')

    asked = {'sensors': [{'name': 'a', 'mapping': None}], 'pose': None}
    assert read('sync', asked) == {'sensors': [{'name': 'in/a'}]}
    for what, request, place in (
        ('sync', {'pose': {'name': 'p'}}, 'sensors: Field required'),
        ('sync', {**asked, 'around': float('nan')}, 'around'),
        ('sync', {**asked, 'pose': {'rate': 0}}, r'pose\.rate'),
        ('sync', {**asked, 'pose': {'file': '/etc/passwd'}}, r'pose\.file'),
        ('inspect', {'name': 5}, 'name'),
        ('export', {'names': 'csv', 'request': asked}, 'names'),
    ):
        with pytest.raises(ValueError, match=place):
            read(what, request)
    assert isinstance(session.uploads, asyncio.Lock)
    opened.close_all()


@posix
def test_uploads_to_a_killed_app_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    killed, used, fresh = (
        tmp_path / f'mobind-app-{name}' for name in ('killed', 'used', 'fresh')
    )
    for folder in (killed, used, fresh):
        (folder / 'x/in').mkdir(parents=True)
        (folder / 'x/in/private.csv').write_text('')
    for folder in (killed, used):
        os.utime(folder, (0, 0))
    (tmp_path / 'mobind-app-link').symlink_to(used)
    with locked(used / '.lock', '', ''):
        os.utime(used, (0, 0))
        sessions = Sessions()
        assert used.exists() and fresh.exists() and not killed.exists()
        sessions.close_all()
        assert not sessions.root.exists()

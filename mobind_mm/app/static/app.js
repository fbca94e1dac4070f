'use strict';
// One recording: files, offset, correction by hand, downloads.

const $ = (id) => document.getElementById(id);
const state = { token: null, maxBytes: 0, files: new Map(), view: null,
  points: null, moved: 0, frame: 0, playing: null, request: null };

// ---------------------------------------------------------------- server
function address(path) { return `s/${state.token}/${path}`; }

async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    throw new Error('The app does not answer. Is it still running?');
  }
  const value = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(value.error || response.statusText);
  return value;
}

function job(what, body) {
  return call(address(`job/${what}`), { method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body) });
}

async function begin() {
  const opened = await call('sessions', { method: 'POST' });
  state.token = opened.token;
  state.maxBytes = opened.max_bytes;
  $('tabs').hidden = !opened.study;
  setInterval(() => call(address('alive')).catch(() => {}), 20000);
  window.addEventListener('pagehide', () => {
    navigator.sendBeacon(address('close'));
  });
  window.addEventListener('pageshow', (event) => {
    if (event.persisted) window.location.reload();
  });
  document.body.dataset.ready = 'yes';
}

function fail(id, error) {
  $(id).textContent = error ? error.message : '';
  $(id).hidden = !error;
}

function tag(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

// ----------------------------------------------------------------- files
function megabytes(bytes) { return `${Math.ceil(bytes / 1e6)} MB`; }

async function addFiles(list) {
  fail('files-error', null);
  const groups = new Map();
  for (const { file, path } of list) {
    const top = path.split('/')[0];
    if (!groups.has(top)) groups.set(top, []);
    groups.get(top).push({ file, path });
  }
  let used = 0;
  for (const entry of state.files.values()) used += entry.bytes;
  for (const [name, parts] of groups) {
    const bytes = parts.reduce((sum, part) => sum + part.file.size, 0);
    if (used + bytes > state.maxBytes) {
      fail('files-error', new Error(`${name} has ${megabytes(bytes)}; this `
        + `app takes ${megabytes(state.maxBytes)} at once. Start it with `
        + `mobind app --max-mb ${Math.ceil((used + bytes) / 1e6)}, or use `
        + 'mobind sync.'));
      continue;
    }
    used += bytes;
    await addGroup(name, parts, bytes);
  }
}

async function addGroup(name, parts, bytes) {
  const entry = { name, bytes, facts: null, state: 'sending', mapping: null,
    placement: {}, file: parts.length === 1 ? parts[0].file : null };
  state.files.set(name, entry);
  showFiles();
  try {
    for (const { file, path } of parts) {
      const encoded = path.split('/').map(encodeURIComponent).join('/');
      const sent = await call(address(`files/${encoded}`),
        { method: 'PUT', body: file });
      [entry.name] = sent.name.split('/');
    }
    entry.state = 'reading';
    showFiles();
    entry.facts = await inspectOne(entry);
    entry.state = entry.facts.problem ? 'bad' : 'good';
    await describeTables();
  } catch (error) {
    entry.state = 'bad';
    entry.facts = { title: 'cannot be read', use: '', sensors: {},
      people: {}, notes: [], findings: [], problem: error.message };
  }
  showFiles();
}

let queue = Promise.resolve();
function inspectOne(entry) { // one after the other: a page has one worker
  const next = queue.then(() => job('inspect',
    { name: entry.name, mapping: entry.mapping }));
  queue = next.catch(() => {});
  return next;
}

// A mapping that was added describes the tables that were.
async function describeTables() {
  const entries = [...state.files.values()].filter((e) => e.facts);
  const mapped = entries.find((e) => usesOf(e) === '--mapping');
  if (!mapped) return;
  for (const entry of entries) {
    if (entry.mapping || !entry.facts.title.startsWith('table')) continue;
    const before = entry.facts;
    entry.mapping = mapped.name;
    entry.state = 'reading';
    showFiles();
    entry.facts = await inspectOne(entry);
    if (entry.facts.problem) {
      entry.facts = before;
      entry.facts.notes.push(`${mapped.name} does not describe it`);
      entry.mapping = null;
    } else {
      mapped.facts.notes = [`describes ${entry.name}`];
    }
    entry.state = entry.facts.problem ? 'bad' : 'good';
  }
}

function fileOf(use) {
  return [...state.files.values()].find((e) => (
    e.state === 'good' && usesOf(e) === use));
}

function usesOf(entry) { return entry.facts ? entry.facts.use : ''; }

function fileLine(facts) {
  const lines = [];
  for (const [name, s] of Object.entries(facts.sensors)) {
    const rate = s.rate_hz === null ? '?' : s.rate_hz.toPrecision(4);
    lines.push(`sensor ${name}: ${s.channels.join(', ')}; ${rate} Hz, `
      + `${(s.end_s - s.start_s).toFixed(1)} s`
      + (s.gaps ? `, ${s.gaps} gaps` : ''));
  }
  for (const [name, p] of Object.entries(facts.people)) {
    lines.push(`${name}: ${p.layout}, ${p.frames_seen} of ${p.frames} frames`);
  }
  if (facts.video) {
    lines.push(`${facts.video.width} x ${facts.video.height}, `
      + `${facts.video.rate_hz.toPrecision(4)} frames per second`);
  }
  return lines;
}

function showFiles() {
  const box = $('files');
  box.replaceChildren();
  for (const [key, entry] of state.files) {
    const part = tag('div', undefined, 'file');
    const head = tag('div', undefined, 'head');
    const badge = { sending: ['sending', 'wait'], reading: ['reading', 'wait'],
      good: ['read', ''], bad: ['not usable', 'bad'] }[entry.state];
    head.append(tag('span', badge[0], `badge ${badge[1]}`), tag('b', key),
      tag('span', entry.facts ? entry.facts.title : '', 'what'));
    const remove = tag('button', 'Remove');
    remove.onclick = () => removeFile(key);
    head.append(remove);
    part.append(head);
    if (entry.facts) part.append(...details(entry));
    box.append(part);
  }
  $('sync-part').hidden = ![...state.files.values()].some((entry) => (
    usesOf(entry).startsWith('--imu') && !entry.facts.problem));
}

function details(entry) {
  const { facts } = entry;
  const list = tag('ul');
  for (const line of fileLine(facts)) list.append(tag('li', line));
  const asked = /not tell the (frames per second|size) of/; // by fields
  const notes = facts.notes.filter((note) => !asked.test(note));
  for (const note of [...new Set(notes)].slice(0, 20)) {
    list.append(tag('li', note.startsWith('describes ') ? note
      : `note: ${note}`));
  }
  for (const finding of facts.findings) {
    list.append(tag('li', `likely mistake: ${finding}`, 'warn'));
  }
  if (facts.findings.length) {
    list.append(tag('li', 'Synchronise corrects what is certain, with a note, '
      + 'and asks about the rest; a mapping settles it.', 'warn'));
  }
  if (facts.problem) list.append(tag('li', facts.problem, 'warn'));
  const parts = [list];
  const unplaced = Object.entries(facts.sensors)
    .filter(([, s]) => s.placement === null);
  if (unplaced.length) parts.push(placements(entry, unplaced));
  if (facts.mapping && !entry.mapping) parts.push(mappingOf(entry));
  if (usesOf(entry) === '--pose' && !fileOf('--video')) {
    parts.push(poseOptions(entry));
  }
  return parts;
}

function placements(entry, unplaced) {
  const row = tag('div', undefined, 'row');
  for (const [name] of unplaced) {
    const label = tag('label', `${name} is worn at `);
    const select = tag('select');
    select.append(tag('option', 'choose'));
    for (const place of entry.facts.placements) {
      const option = tag('option', place.replaceAll('_', ' '));
      option.value = place;
      option.selected = entry.placement[name] === place;
      select.append(option);
    }
    select.onchange = () => { entry.placement[name] = select.value; };
    label.append(select);
    row.append(label);
  }
  return row;
}

function mappingOf(entry) {
  const part = tag('details');
  part.append(tag('summary', 'Nobody knows this table: check what its columns '
    + 'are guessed to be'));
  const text = tag('textarea');
  text.value = entry.facts.mapping;
  const use = tag('button', 'Use this mapping');
  use.onclick = async () => {
    const name = `${entry.name}.mapping.yml`;
    try {
      const sent = await call(address(`files/${encodeURIComponent(name)}`),
        { method: 'PUT', body: text.value });
      entry.mapping = sent.name;
      const facts = await inspectOne(entry);
      if (facts.problem) entry.mapping = null;
      entry.facts = { ...facts, mapping: text.value };
      entry.state = facts.problem ? 'bad' : 'good';
    } catch (error) {
      entry.mapping = null;
      fail('files-error', error);
    }
    showFiles();
  };
  part.append(text, use);
  part.open = true;
  return part;
}

function poseOptions(entry) {
  const row = tag('div', undefined, 'row');
  row.append(tag('span', 'Its video:'));
  entry.pose = entry.pose || {};
  for (const [key, text] of [['rate', 'frames per second'],
    ['width', 'width'], ['height', 'height']]) {
    const label = tag('label', `${text} `);
    const input = tag('input');
    input.type = 'number'; input.step = 'any'; input.min = '0';
    input.placeholder = untold(entry, key) ? 'needed' : 'as told';
    input.value = entry.pose[key] || '';
    input.onchange = () => { entry.pose[key] = Number(input.value) || null; };
    label.append(input);
    row.append(label);
  }
  return row;
}

// Whether a file of keypoints does not say this of its video.
function untold(entry, key) {
  const what = key === 'rate' ? 'rate' : 'img_shape';
  return entry.facts.untold.includes(what);
}

async function removeFile(key) {
  const entry = state.files.get(key);
  state.files.delete(key);
  showFiles();
  const path = address(`files/${encodeURIComponent(entry.name)}`);
  await call(path, { method: 'DELETE' }).catch(() => {});
}

async function fromDrop(items) {
  const found = [];
  async function walk(entry, path) {
    if (entry.isFile) {
      const file = await new Promise((good, bad) => entry.file(good, bad));
      found.push({ file, path: path + entry.name });
    } else {
      const reader = entry.createReader();
      for (;;) {
        const parts = await new Promise((good, bad) => (
          reader.readEntries(good, bad)));
        if (!parts.length) break;
        for (const part of parts) await walk(part, `${path}${entry.name}/`);
      }
    }
  }
  const entries = [...items].map((i) => i.webkitGetAsEntry()).filter(Boolean);
  for (const entry of entries) await walk(entry, '');
  await addFiles(found);
}

// ------------------------------------------------------------ synchronise
function number(id) {
  return $(id).value === '' ? null : Number($(id).value);
}

function requestOf() {
  const entries = [...state.files.values()].filter((e) => e.state === 'good');
  const sensors = entries.filter((e) => usesOf(e).startsWith('--imu'));
  const [video, pose, times] = ['--video', '--pose', '--frame-times'].map(
    fileOf);
  if (!video && !pose) {
    throw new Error('Add the video, or the keypoints found in it.');
  }
  const request = {
    sensors: sensors.map((entry) => {
      const placement = Object.fromEntries(Object.entries(entry.placement)
        .filter(([, place]) => place && place !== 'choose'));
      return { name: entry.name, mapping: entry.mapping,
        placement: Object.keys(placement).length ? placement : null };
    }),
    video: video ? video.name : null,
    around: number('around'), max_offset: number('max-offset'), pose: null };
  for (const entry of sensors) {
    const without = Object.entries(entry.facts.sensors).filter(
      ([name, s]) => s.placement === null && (!entry.placement[name]
        || entry.placement[name] === 'choose'));
    if (usesOf(entry).includes('--mapping') && !entry.mapping) {
      throw new Error(`Check what the columns of ${entry.name} are.`);
    }
    if (without.length) {
      throw new Error(`Say where ${without[0][0]} is worn.`);
    }
  }
  if (pose) {
    const given = pose.pose || {};
    const missing = video ? [] : ['rate', 'width', 'height'].filter((key) => (
      untold(pose, key) && !given[key] && !(key === 'rate' && times)));
    if (missing.length) {
      const names = missing.join(', ').replace('rate', 'frames per second');
      throw new Error(`Enter the ${names} of the video of ${pose.name}, or `
        + 'add the video.');
    }
    request.pose = { name: pose.name, rate: given.rate || null,
      times: times ? times.name : null,
      img_shape: given.width && given.height
        ? [given.height, given.width] : null };
  }
  state.videoFile = video ? video.file : null;
  return request;
}

function busy(id, text) {
  $(id).hidden = !text;
  $(id).textContent = text || '';
}

async function synchronise() {
  fail('sync-error', null);
  let timer;
  try {
    state.request = requestOf();
    const started = Date.now();
    $('run').disabled = true;
    $('cancel').hidden = false;
    const say = () => busy('busy', 'working, '
      + `${Math.round((Date.now() - started) / 1000)} s`);
    say();
    timer = setInterval(say, 1000);
    await job('sync', state.request);
    const view = await call(address('result/view.json'));
    const bytes = await (await fetch(address('result/skeleton.bin')))
      .arrayBuffer();
    showResult(view, new Uint16Array(bytes));
  } catch (error) {
    if (error.message !== 'Stopped.') fail('sync-error', error);
  } finally {
    clearInterval(timer);
    busy('busy', '');
    $('run').disabled = false;
    $('cancel').hidden = true;
  }
}

function showResult(view, points) {
  Object.assign(state, { view, points, moved: 0, frame: 0 });
  const { answer } = view;
  $('result-part').hidden = $('export-part').hidden = false;
  const verdict = $('verdict');
  verdict.className = answer.abstained ? 'refused' : '';
  verdict.replaceChildren(tag('div', view.words[0], 'big'));
  const list = tag('ul');
  for (const line of view.words.slice(1)) list.append(tag('li', line));
  verdict.append(list);
  $('notes').replaceChildren(...view.notes.map((n) => tag('li', n)));
  $('notes-part').hidden = !view.notes.length;
  $('notes-part').firstElementChild.textContent = (
    view.notes.length === 1
      ? '1 note on what was repaired or assumed'
      : `${view.notes.length} notes on what was repaired or assumed`);
  $('rivals').replaceChildren(...answer.rivals.map((rival) => {
    const text = `${rival.offset_s.toFixed(3)} s (${rival.share.toFixed(2)})`;
    const button = tag('button', text);
    button.onclick = () => move(rival.offset_s - answer.offset_s);
    return button;
  }));
  if (answer.rivals.length) $('rivals').prepend('Rivals: ');
  $('accept-part').hidden = !answer.abstained;
  $('accept').checked = false;
  const video = $('video');
  video.hidden = !state.videoFile;
  if (state.videoFile) {
    URL.revokeObjectURL(video.src);
    video.src = URL.createObjectURL(state.videoFile);
    video.onerror = () => { video.hidden = true; draw(); };
    video.onseeked = draw;
  }
  for (const part of document.querySelectorAll('.needs-video')) {
    part.hidden = !state.videoFile;
  }
  $('seek').min = view.times[0];
  $('seek').max = view.times[view.times.length - 1];
  show(Math.min(Math.floor(view.times.length / 4), view.times.length - 1));
  $('result-part').scrollIntoView({ block: 'start' });
}

// ------------------------------------------------------------------ player
function frameAt(time) {
  const { times } = state.view;
  let low = 0, high = times.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (times[middle] <= time + 1e-6) low = middle; else high = middle - 1;
  }
  return low;
}

function show(frame, seek = true) {
  const { times } = state.view;
  state.frame = Math.max(0, Math.min(frame, times.length - 1));
  const time = times[state.frame];
  $('seek').value = time;
  $('time').textContent = `${time.toFixed(3)} s, frame ${state.frame}`;
  // Half a frame later, so that rounding never shows the one before.
  if (seek && !$('video').hidden) $('video').currentTime = time + 0.004;
  draw();
}

function frameSec() {
  const { times } = state.view;
  return (times[times.length - 1] - times[0]) / (times.length - 1);
}

function draw() {
  const { view, moved, points, frame } = state;
  if (!view) return;
  const found = view.answer.offset_s, now = found + moved;
  const { offsets } = view.curve;
  const low = offsets.length ? offsets[0] : found - 5;
  const high = offsets.length ? offsets[offsets.length - 1] : found + 5;
  const marks = view.answer.rivals;
  state.span = [Math.min(low, now), Math.max(high, now)];
  drawCurve($('curve'), view.curve, ...state.span, now, found, marks);
  drawCurve($('close-up'), view.curve, now - 0.5, now + 0.5, now, found,
    marks);
  const reach = Number($('zoom').value);
  drawTraces($('traces'), view, view.times[frame], moved, reach);
  drawSkeleton($('skeleton'), view, points, frame, !$('video').hidden);
  const by = Math.abs(moved) < 5e-5 ? 'as found'
    : `moved by ${moved > 0 ? '+' : '\u2212'}${Math.abs(moved).toFixed(3)} s`;
  $('offset').textContent = `${now >= 0 ? '+' : '\u2212'}`
    + `${Math.abs(now).toFixed(3)} s (${by})`;
  const agreement = agreementOf(view, moved);
  $('agreement').textContent = agreement === null ? ''
    : `correlation of the traces: ${agreement.toFixed(2)}`;
}

function move(by) {
  state.moved = Math.round(by * 1e5) / 1e5;
  draw();
}

function play() {
  if (state.playing) {
    cancelAnimationFrame(state.playing);
    state.playing = null;
    $('video').pause();
    $('play').textContent = 'Play';
    return;
  }
  $('play').textContent = 'Pause';
  const { times } = state.view;
  const video = $('video');
  const began = performance.now() / 1000 - times[state.frame];
  if (!video.hidden) video.play();
  const step = () => {
    const time = video.hidden ? performance.now() / 1000 - began
      : video.currentTime;
    show(frameAt(time), false);
    if (time >= times[times.length - 1] - 1e-3 || video.ended) {
      state.playing = 1;
      play();
      return;
    }
    state.playing = requestAnimationFrame(step);
  };
  state.playing = requestAnimationFrame(step);
}

// ---------------------------------------------------------------- download
async function download(names) {
  fail('export-error', null);
  $('export-notes').replaceChildren();
  const buttons = [$('download'), $('download-sync')];
  buttons.forEach((button) => { button.disabled = true; });
  busy('export-busy', 'writing');
  try {
    const written = await job('export', { names, moved_by: state.moved,
      accepted: $('accept').checked, start: number('start'),
      end: number('end'), request: state.request });
    $('export-notes').replaceChildren(
      ...written.notes.map((note) => tag('li', `note: ${note}`)));
    const link = tag('a');
    link.href = address(`result/${written.file}`);
    link.download = written.file.split('/').pop();
    link.click();
  } catch (error) {
    fail('export-error', error);
  } finally {
    busy('export-busy', '');
    buttons.forEach((button) => { button.disabled = false; });
  }
}

// ------------------------------------------------------------------- wires
$('chosen').onchange = (event) => {
  const list = [...event.target.files].map((f) => ({ file: f, path: f.name }));
  event.target.value = '';
  addFiles(list);
};
$('choose-folder').onclick = () => $('folder').click();
$('folder').onchange = (event) => addFiles([...event.target.files].map(
  (file) => ({ file, path: file.webkitRelativePath })));
for (const name of ['dragenter', 'dragover']) {
  $('drop').addEventListener(name, (event) => {
    event.preventDefault();
    $('drop').classList.add('over');
  });
}
$('drop').addEventListener('dragleave', () => {
  $('drop').classList.remove('over');
});
$('drop').addEventListener('drop', (event) => {
  event.preventDefault();
  $('drop').classList.remove('over');
  fromDrop(event.dataTransfer.items);
});
$('run').onclick = synchronise;
$('cancel').onclick = () => call(address('cancel'), { method: 'POST' });
$('play').onclick = play;
$('back').onclick = () => show(state.frame - 1);
$('forward').onclick = () => show(state.frame + 1);
$('seek').oninput = (event) => show(frameAt(Number(event.target.value)));
$('zoom').onchange = draw;
$('reset').onclick = () => move(0);
for (const button of document.querySelectorAll('.nudge [data-frames]')) {
  button.onclick = () => move(state.moved
    + Number(button.dataset.frames) * frameSec());
}
for (const button of document.querySelectorAll('.nudge [data-ms]')) {
  button.onclick = () => move(state.moved + Number(button.dataset.ms) / 1000);
}
$('curve').onclick = (event) => {
  const share = (event.offsetX - 4) / ($('curve').clientWidth - 8);
  const [low, high] = state.span;
  move(low + share * (high - low) - state.view.answer.offset_s);
};
$('close-up').onclick = (event) => {
  const share = (event.offsetX - 4) / ($('close-up').clientWidth - 8);
  move(state.moved - 0.5 + share);
};
let dragged = null;
$('traces').onpointerdown = (event) => {
  dragged = { x: event.clientX, moved: state.moved };
  $('traces').setPointerCapture(event.pointerId);
};
$('traces').onpointermove = (event) => {
  if (!dragged) return;
  const seconds = (event.clientX - dragged.x) / $('traces').clientWidth
    * 2 * Number($('zoom').value);
  move(dragged.moved - seconds); // to the right: earlier on the sensor
};
$('traces').onpointerup = () => { dragged = null; };
document.addEventListener('keydown', (event) => {
  if (!state.view || /INPUT|SELECT|TEXTAREA/.test(event.target.tagName)) {
    return;
  }
  const keys = { ArrowLeft: () => show(state.frame - 1),
    ArrowRight: () => show(state.frame + 1), ' ': play,
    '[': () => move(state.moved - frameSec()),
    ']': () => move(state.moved + frameSec()) };
  if (keys[event.key]) {
    event.preventDefault();
    keys[event.key]();
  }
});
$('download').onclick = () => {
  const boxes = document.querySelectorAll('#exports input:checked');
  download([...boxes].map((box) => box.value));
};
$('download-sync').onclick = () => download([]);
window.addEventListener('resize', draw);
begin().catch((error) => fail('files-error', error));

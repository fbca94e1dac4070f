'use strict';
// A folder of a study's results: a table, and the pictures of each row.

let study = null;
let order = { column: null, down: false };

function chooseTab(name) {
  for (const other of ['one', 'study']) {
    $(other).hidden = other !== name;
    $(`tab-${other}`).classList.toggle('chosen', other === name);
  }
}

async function openStudy() {
  chooseTab('study');
  try {
    study = await call('study');
    showStudy();
  } catch (error) {
    fail('study-error', error);
  }
}

function statusColumn() {
  return ['state', 'status'].find((name) => study.columns.includes(name));
}

function showStudy() {
  $('study-name').textContent = study.folder;
  const kind = statusColumn();
  const counts = new Map();
  for (const row of study.rows) {
    const value = row[kind] || 'no status';
    counts.set(value, (counts.get(value) || 0) + 1);
  }
  $('study-summary').textContent = `${study.rows.length} recordings: `
    + [...counts].map(([name, n]) => `${n} ${name}`).join(', ');
  const filter = $('study-filter');
  if (filter.options.length === 1) {
    for (const name of counts.keys()) filter.append(tag('option', name));
  }
  const shown = study.columns.filter((name) => name !== 'folder');
  const head = tag('tr');
  for (const name of shown) {
    const arrow = { true: ' \u25bc', false: ' \u25b2' }[order.down];
    const cell = tag('th', name.replaceAll('_', ' ')
      + (order.column === name ? arrow : ''));
    cell.onclick = () => {
      order = { column: name, down: order.column === name && !order.down };
      showStudy();
    };
    head.append(cell);
  }
  document.querySelector('#study-table thead').replaceChildren(head);
  const rows = study.rows.filter((row) => (
    filter.selectedIndex <= 0 || (row[kind] || 'no status') === filter.value));
  if (order.column) {
    const key = order.column;
    rows.sort((a, b) => (order.down ? -1 : 1) * a[key].localeCompare(b[key],
      undefined, { numeric: true }));
  }
  document.querySelector('#study-table tbody').replaceChildren(
    ...rows.map((row) => studyRow(row, shown, kind)));
}

function studyRow(row, shown, kind) {
  const line = tag('tr');
  for (const name of shown) {
    const numeric = row[name] !== '' && Number.isFinite(Number(row[name]));
    const cell = tag('td', undefined, numeric ? 'number' : '');
    if (name === kind) {
      const good = /^(sure|ok|found|done|accepted)$/.test(row[name]);
      cell.append(tag('span', row[name], `badge ${good ? '' : 'bad'}`));
    } else {
      cell.textContent = row[name];
    }
    line.append(cell);
  }
  const files = study.files[row.recording] || [];
  if (files.length) {
    line.className = 'opens';
    line.onclick = () => showStudyFiles(row.recording, files);
  }
  return line;
}

function showStudyFiles(name, files) {
  const part = $('study-detail');
  part.replaceChildren(tag('h2', name));
  for (const file of files) {
    const path = `study/${file.split('/').map(encodeURIComponent).join('/')}`;
    const kind = { png: 'img', mp4: 'video' }[file.split('.').pop()] || 'a';
    const shown = tag(kind);
    if (kind === 'a') {
      shown.href = path;
      shown.textContent = file.split('/').pop();
      shown.download = shown.textContent;
    } else {
      shown.src = path;
      shown.controls = true;
      shown.alt = file;
    }
    const line = tag('p');
    line.append(shown);
    part.append(line);
  }
  part.hidden = false;
  part.scrollIntoView({ behavior: 'smooth' });
}

$('tab-one').onclick = () => chooseTab('one');
$('tab-study').onclick = openStudy;
$('study-filter').onchange = () => showStudy();

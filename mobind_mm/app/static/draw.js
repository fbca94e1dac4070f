'use strict';
// Pictures on canvases: curves of offsets, traces, skeletons.

const COLOURS = { blue: '#0072b2', orange: '#e69f00', grey: '#8a8f98',
  ink: '#22262b', line: '#e6e8eb' };
const MISSING = 65535;

function canvasOf(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio)) {
    canvas.width = Math.round(width * ratio);
  }
  if (canvas.height !== Math.round(height * ratio)) {
    canvas.height = Math.round(height * ratio);
  }
  const c = canvas.getContext('2d');
  c.setTransform(ratio, 0, 0, ratio, 0, 0);
  c.clearRect(0, 0, width, height);
  c.font = '12px system-ui, "DejaVu Sans", sans-serif';
  return { c, width, height };
}

function ticksOf(low, high, most) {
  const raw = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
  const ticks = [];
  for (let t = Math.ceil(low / step); t * step <= high + 1e-9; t += 1) {
    ticks.push(t * step);
  }
  return { ticks, digits: Math.max(0, -Math.floor(Math.log10(step))) };
}

// A curve of (offset, score) between two offsets, with marks.
function drawCurve(canvas, curve, low, high, now, found, rivals) {
  const { c, width, height } = canvasOf(canvas);
  const left = 4, right = width - 4, base = height - 20, top = 8;
  const x = (t) => left + (t - low) / (high - low) * (right - left);
  const inside = curve.offsets.map((t, i) => [t, curve.log_posterior[i]])
    .filter(([t, v]) => t >= low && t <= high && v !== null);
  let floor = 0;
  for (const [, v] of inside) floor = Math.min(floor, v);
  const y = (v) => top + (floor ? v / floor : 0) * (base - top);
  const { ticks, digits } = ticksOf(low, high, width / 90);
  c.fillStyle = COLOURS.grey;
  c.textAlign = 'center';
  for (const t of ticks) {
    c.fillText(`${t.toFixed(digits)} s`, Math.min(Math.max(x(t), 22),
      width - 22), height - 5);
    c.fillRect(x(t), base, 1, 4);
  }
  c.strokeStyle = COLOURS.line;
  c.beginPath(); c.moveTo(left, base); c.lineTo(right, base); c.stroke();
  if (inside.length) {
    c.beginPath();
    inside.forEach(([t, v], i) => (i ? c.lineTo(x(t), y(v))
      : c.moveTo(x(t), y(v))));
    c.strokeStyle = COLOURS.blue; c.lineWidth = 1.4; c.stroke();
    c.lineTo(x(inside[inside.length - 1][0]), base);
    c.lineTo(x(inside[0][0]), base);
    c.fillStyle = '#0072b21f'; c.fill();
  } else {
    c.fillText('no curve: many clips were used', width / 2, height / 2);
  }
  for (const rival of rivals) {
    if (rival.offset_s < low || rival.offset_s > high) continue;
    const at = x(rival.offset_s);
    c.fillStyle = COLOURS.grey;
    c.beginPath(); c.moveTo(at - 5, top); c.lineTo(at + 5, top);
    c.lineTo(at, top + 8); c.fill();
  }
  c.lineWidth = 1.5; c.strokeStyle = COLOURS.ink; c.setLineDash([4, 3]);
  c.beginPath(); c.moveTo(x(found), top); c.lineTo(x(found), base);
  c.stroke(); c.setLineDash([]);
  c.strokeStyle = COLOURS.orange; c.lineWidth = 2.5;
  c.beginPath(); c.moveTo(x(now), top); c.lineTo(x(now), base); c.stroke();
}

// One row per sensor: its trace, moved, over that of its limb.
function drawTraces(canvas, view, time, moved, reach) {
  const { c, width, height } = canvasOf(canvas);
  const names = Object.keys(view.traces);
  const row = (height - 22) / Math.max(names.length, 1);
  const x = (t) => width / 2 + (t - time) / reach * width / 2;
  const trace = (values, shift, base, colour) => {
    const first = Math.max(0, Math.floor(
      (time + shift - reach - view.trace_start) * view.trace_hz));
    const last = Math.min(values.length - 1, Math.ceil(
      (time + shift + reach - view.trace_start) * view.trace_hz));
    c.beginPath();
    let open = false;
    for (let i = first; i <= last; i += 1) {
      if (values[i] === null) { open = false; continue; }
      const at = x(view.trace_start + i / view.trace_hz - shift);
      const y = base - Math.min(values[i], 1050) / 1000 * (row - 22);
      if (open) c.lineTo(at, y); else c.moveTo(at, y);
      open = true;
    }
    c.strokeStyle = colour; c.lineWidth = 1.8; c.stroke();
  };
  names.forEach((name, i) => {
    const base = (i + 1) * row - 4;
    c.strokeStyle = COLOURS.line; c.lineWidth = 1;
    c.beginPath(); c.moveTo(0, base); c.lineTo(width, base); c.stroke();
    trace(view.traces[name].limb, 0, base, COLOURS.blue);
    trace(view.traces[name].sensor, moved, base, COLOURS.orange);
    c.fillStyle = '#ffffffcc';
    const text = name.replaceAll('_', ' ');
    c.fillRect(2, base - row + 6, c.measureText(text).width + 6, 16);
    c.fillStyle = COLOURS.ink; c.textAlign = 'left';
    c.fillText(text, 5, base - row + 18);
  });
  c.strokeStyle = COLOURS.ink; c.lineWidth = 1;
  c.beginPath(); c.moveTo(width / 2, 0); c.lineTo(width / 2, height - 20);
  c.stroke();
  c.fillStyle = COLOURS.grey; c.textAlign = 'center';
  const { ticks, digits } = ticksOf(time - reach, time + reach, width / 90);
  for (const t of ticks) {
    if (x(t) < 16 || x(t) > width - 16) continue;
    c.fillText(`${t.toFixed(digits)} s`, x(t), height - 5);
  }
}

// The person at a frame, over the video or alone.
function drawSkeleton(canvas, view, points, frame, overVideo) {
  const { c, width, height } = canvasOf(canvas);
  const [imageHeight, imageWidth] = view.img_shape;
  const scale = Math.min(width / imageWidth, height / imageHeight);
  const dx = (width - scale * imageWidth) / 2;
  const dy = (height - scale * imageHeight) / 2;
  const at = (k) => {
    const i = 2 * (frame * view.keypoints + k);
    if (!(i + 1 < points.length) || points[i] === MISSING) return null;
    return [dx + scale * points[i], dy + scale * points[i + 1]];
  };
  c.strokeStyle = overVideo ? '#56b4e9' : '#9fd3f2'; c.lineWidth = 3;
  for (const [a, b] of view.bones) {
    const from = at(a), to = at(b);
    if (from && to) {
      c.beginPath(); c.moveTo(...from); c.lineTo(...to); c.stroke();
    }
  }
  c.fillStyle = 'white';
  for (let k = 0; k < view.keypoints; k += 1) {
    const point = at(k);
    if (point) c.fillRect(point[0] - 2, point[1] - 2, 4, 4);
  }
}

// Correlation of sensor and limb over everything both have.
function agreementOf(view, moved) {
  const shift = moved * view.trace_hz, whole = Math.round(shift);
  const found = [];
  for (const { sensor, limb } of Object.values(view.traces)) {
    let n = 0, sa = 0, sb = 0, aa = 0, bb = 0, ab = 0;
    for (let i = 0; i < limb.length; i += 1) {
      const a = limb[i], b = sensor[i + whole];
      if (a === null || b === null || b === undefined) continue;
      n += 1; sa += a; sb += b; aa += a * a; bb += b * b; ab += a * b;
    }
    const spread = Math.sqrt((aa - sa * sa / n) * (bb - sb * sb / n));
    if (n > 50 && spread > 0) found.push((ab - sa * sb / n) / spread);
  }
  return found.length ? found.reduce((a, b) => a + b) / found.length : null;
}

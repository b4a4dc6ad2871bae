// The service's dashboard: asks once a second, keeps the last minutes, draws. Every text that comes from outside is put into the page as text, never as markup.
'use strict';

const period = 1000;
const kept = 300;
const maximumConsole = 16384;
const histories = new Map(); // by partition: {points: [], previous}
let chosen = decodeURIComponent(location.hash.slice(1)) || null;

const byId = id => document.getElementById(id);

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

// --- Words and numbers ---

function scaled(value, base, units) {
  let at = 0;
  while (Math.abs(value) >= base * 0.9995 && at < units.length - 1) { value /= base; at++; }
  return `${value >= 100 || (at === 0 && Number.isInteger(value)) ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)}${units[at]}`;
}
const count = value => value === null ? '–' : scaled(value, 1000, ['', ' k', ' M', ' G']);
const size = value => value === null ? '–' : scaled(value, 1024, [' B', ' KiB', ' MiB', ' GiB', ' TiB']);
const time = value => value === null ? '–' : scaled(value, 1000, [' µs', ' ms', ' s']);
const percent = value => value === null ? '–' : `${value.toFixed(value < 10 ? 1 : 0)} %`;
function age(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000), days = Math.floor(seconds / 86400);
  const clock = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60].map(part => String(part).padStart(2, '0')).join(':');
  return days > 0 ? `${days} d ${clock}` : clock;
}

// --- What was done between two looks ---

const sum = (list, read) => list.reduce((total, one) => total + (read(one) ?? 0), 0);

// The growth of one counter each second; null when there is nothing to compare, or it has begun anew.
function rate(now, before, seconds) {
  return now === null || now === undefined || before === null || before === undefined || now < before || !(seconds > 0) ? null : (now - before) / seconds;
}

// What has ended between two looks, and the time it took: a mean is of both, over one channel or all.
function timing(now, before) {
  const ended = rate(now.timed, before?.timed, 1), spent = rate(now.timed_us, before?.timed_us, 1);
  return { ended: ended ?? 0, spent: ended === null ? 0 : spent ?? 0 };
}
const mean = ({ ended, spent }) => ended > 0 ? spent / ended : null;

function channelRates(channel, old, seconds) {
  const same = old && old.device === channel.device && old.lane === channel.lane ? old : null;
  const of = key => rate(channel[key], same?.[key], seconds);
  return {
    channel, ...timing(channel, same),
    packets: rate(channel.packets_in + channel.packets_out, same ? same.packets_in + same.packets_out : null, seconds),
    interrupts: of('interrupts'), operations: of('operations'), out: of('bytes_in'), in: of('bytes_out'),
  };
}

function note(partition, time) {
  const name = partition.status.name;
  const history = histories.get(name) ?? { points: [], previous: null, channels: [], disks: new Map() };
  histories.set(name, history);
  const before = history.previous;
  const report = partition.report;
  // The worker's own clock where it has one: the time between two answers is not that between two questions.
  const seconds = !before ? 0 : report && before.partition.report ? (report.clock_ms - before.partition.report.clock_ms) / 1000 : (time - before.time) / 1000;
  if (before && seconds <= 0) return;
  const old = new Map((before?.partition.report?.channels ?? []).map(channel => [channel.id, channel]));
  history.channels = (report?.channels ?? []).map(channel => channelRates(channel, old.get(channel.id), seconds));
  const oldDisks = new Map((before?.partition.report?.virtio_disks ?? []).map(disk => [disk.id, disk]));
  history.disks = new Map((report?.virtio_disks ?? []).map(disk => {
    const of = key => rate(disk[key], oldDisks.get(disk.id)?.[key], seconds);
    return [disk.id, { ...timing(disk, oldDisks.get(disk.id)), operations: of('timed'), out: of('bytes_in'), in: of('bytes_out') }];
  }));
  const moving = [...history.channels, ...history.disks.values()];
  const total = key => report && before?.partition.report ? sum(moving, one => one[key]) : null;
  const full = channel => Math.max(channel.ring_in_size ? channel.ring_in / channel.ring_in_size : 0, channel.ring_out_size ? channel.ring_out / channel.ring_out_size : 0);
  history.points.push({
    time, out: total('out'), in: total('in'), operations: total('operations'), interrupts: total('interrupts'),
    latency: mean({ ended: sum(moving, one => one.ended), spent: sum(moving, one => one.spent) }),
    full: report ? 100 * Math.max(0, ...report.channels.map(full)) : null,
    cpu: before && partition.worker && before.partition.worker ? rate(partition.worker.cpu_seconds, before.partition.worker.cpu_seconds, (time - before.time) / 1000) : null,
  });
  const last = history.points.at(-1);
  if (last.cpu !== null) last.cpu *= 100;
  if (history.points.length > kept) history.points.shift();
  history.nics = new Map((before?.partition.nics ?? []).map(nic => [nic.id, nic]));
  history.seconds = seconds;
  history.previous = { time, partition };
}

// --- Tables ---

// rows: arrays of [text, class]; cells are kept and only their texts change, so that what is selected stays selected.
function fill(table, rows) {
  const body = table.tBodies[0];
  while (body.rows.length > rows.length) body.deleteRow(-1);
  rows.forEach((cells, at) => {
    const row = body.rows[at] ?? body.insertRow();
    cells.forEach(([text, kind], column) => {
      const cell = row.cells[column] ?? row.insertCell();
      if (cell.textContent !== String(text)) cell.textContent = text;
      if (cell.className !== (kind ?? '')) cell.className = kind ?? '';
    });
  });
}

function showPartitions(partitions) {
  const body = byId('partitions').tBodies[0];
  const rows = partitions.map(partition => {
    const status = partition.status, point = histories.get(status.name)?.points.at(-1) ?? {};
    const end = status.state === 'off' && status.end_reason && status.end_reason !== 'powered-off' ? `${status.end_reason}${status.end_detail ? `: ${status.end_detail}` : ''}` : '';
    return [
      [status.name], [status.state, status.state === 'running' ? 'running' : ''], [status.processors, 'n'], [partition.memory ? size(partition.memory.assigned_bytes) : status.memory, 'n'],
      [partition.report ? age(partition.report.uptime_ms) : '–', 'n'], [percent(point.cpu ?? null), 'n'], [count(point.operations ?? null), 'n'],
      [size(point.out ?? null), 'n'], [size(point.in ?? null), 'n'], [count(point.interrupts ?? null), 'n'],
      [partition.failure ?? status.problem ?? (status.changed ? 'definition has changed since the start' : end), partition.failure || status.problem ? 'wrap problem' : 'wrap'],
    ];
  });
  fill(byId('partitions'), rows);
  partitions.forEach((partition, at) => {
    const row = body.rows[at], name = partition.status.name;
    row.className = name === chosen ? 'chosen' : '';
    row.onclick = () => choose(name);
    row.cells[0].replaceChildren(element('button', name));
  });
}

function showDetail(partition) {
  byId('detail').hidden = !partition;
  if (!partition) return;
  const history = histories.get(partition.status.name), report = partition.report;
  byId('name').textContent = `${partition.status.name} · ${partition.status.state}${report?.bus ? ` · VMBus ${report.bus}` : ''}`;
  byId('attach').textContent = `vmbus console ${partition.status.name}`;
  const ring = (used, all) => used === null || !all ? '–' : percent(100 * used / all);
  fill(byId('channels'), history.channels.map(one => [
    [one.channel.id, 'n'], [one.channel.device + (one.channel.subchannel ? ` (${one.channel.subchannel})` : '')], [one.channel.processor ?? '–', 'n'], [one.channel.lane ?? one.channel.state],
    [count(one.packets), 'n'], [count(one.interrupts), 'n'], [count(one.operations), 'n'], [time(mean(one)), 'n'], [size(one.out), 'n'], [size(one.in), 'n'],
    [ring(one.channel.ring_in, one.channel.ring_in_size), 'n'], [ring(one.channel.ring_out, one.channel.ring_out_size), 'n'],
  ]));
  fill(byId('disks'), partition.disks.map(disk => {
    const done = disk.bus === 'virtio' ? history.disks.get(disk.id) : null;
    return [
      [disk.id], [disk.bus], [size(disk.bytes), 'n'], [disk.format + (disk.read_only ? ', read-only' : '')], [disk.state],
      [count(done?.operations ?? null), 'n'], [time(done ? mean(done) : null), 'n'], [size(done?.out ?? null), 'n'], [size(done?.in ?? null), 'n'], [disk.path, 'wrap'],
    ];
  }));
  fill(byId('nics'), partition.nics.map(nic => {
    const old = history.nics?.get(nic.id)?.traffic, traffic = nic.traffic;
    return [
      [nic.id], [nic.link], [nic.address], [nic.up ? nic.state : `${nic.state}, link down`],
      [size(rate(traffic.bytes_sent, old?.bytes_sent, history.seconds)), 'n'], [size(rate(traffic.bytes_received, old?.bytes_received, history.seconds)), 'n'],
      [traffic.send_dropped + traffic.receive_dropped, 'n'],
    ];
  }));
  for (const chart of charts) draw(chart, history.points);
}

// --- Charts ---

const charts = [
  { title: 'Data per s', lines: [['out', 'first', 'out'], ['in', 'second', 'in']], format: size, binary: true },
  { title: 'I/O per s', lines: [['operations', 'first', '']], format: count },
  { title: 'Mean latency of I/O', lines: [['latency', 'first', '']], format: time },
  { title: 'Fullest ring', lines: [['full', 'first', '']], format: percent },
  { title: 'Interrupts per s', lines: [['interrupts', 'first', '']], format: count },
  { title: 'CPU of the worker', lines: [['cpu', 'first', '']], format: percent },
];

function makeCharts() {
  for (const chart of charts) {
    const figure = element('figure'), caption = element('figcaption');
    caption.append(element('div', chart.title));
    const values = element('span');
    chart.values = chart.lines.map(([, kind]) => values.appendChild(element('span', '', kind)));
    caption.append(values);
    chart.canvas = element('canvas');
    chart.canvas.setAttribute('role', 'img');
    chart.canvas.setAttribute('aria-label', chart.title);
    figure.append(caption, chart.canvas);
    byId('charts').append(figure);
  }
}

// The next round number, so that the scale does not jump with every point: 1, 2 or 5 times a power of ten, or a power of two.
function ceiling(value, isBinary) {
  if (!(value > 0)) return 1;
  if (isBinary) return 2 ** Math.ceil(Math.log2(value));
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map(step => step * power).find(step => step >= value);
}

function draw(chart, points) {
  const canvas = chart.canvas, ratio = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext('2d'), style = getComputedStyle(document.documentElement), colour = name => style.getPropertyValue(name).trim();
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  const left = 2, right = width - 2, top = 14, bottom = height - 16;
  const most = ceiling(points.reduce((peak, point) => chart.lines.reduce((one, [key]) => Math.max(one, point[key] ?? 0), peak), 0), chart.binary);
  pen.font = '11px "DejaVu Sans", sans-serif';
  pen.lineWidth = 1;
  pen.strokeStyle = colour('--line');
  pen.fillStyle = colour('--soft');
  for (const share of [0, 0.5, 1]) {
    const y = Math.round(bottom - share * (bottom - top)) + 0.5;
    pen.beginPath();
    pen.moveTo(left, y);
    pen.lineTo(right, y);
    pen.stroke();
    if (share > 0) pen.fillText(chart.format(most * share), left, y - 3);
  }
  const end = points.at(-1)?.time ?? 0, span = kept * period;
  pen.fillText(`${span / 60000} min ago`, left, height - 3);
  pen.textAlign = 'right';
  pen.fillText('now', right, height - 3);
  pen.textAlign = 'left';
  chart.lines.forEach(([key, kind, label], at) => {
    pen.strokeStyle = colour(`--${kind}`);
    pen.lineWidth = 1.5;
    pen.beginPath();
    let drawing = false;
    for (const point of points) {
      if (point[key] === null) { drawing = false; continue; }
      const x = right - (end - point.time) / span * (right - left), y = bottom - point[key] / most * (bottom - top);
      if (drawing) pen.lineTo(x, y);
      else { pen.moveTo(x, y); pen.lineTo(x + 0.5, y); }
      drawing = true;
    }
    pen.stroke();
    chart.values[at].textContent = `${at > 0 ? ' · ' : ''}${label ? `${label} ` : ''}${chart.format(points.at(-1)?.[key] ?? null)}`;
  });
}

// --- Console ---

// What a terminal would do with it, as far as a page needs: no escape sequences, no control characters, lines that are written over.
function plain(text) {
  return text
    .replace(/\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~])/g, '')
    .replace(/\r+\n/g, '\n')
    .split('\n').map(line => line.slice(line.lastIndexOf('\r', line.length - 2) + 1)).join('\n')
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');
}

async function showConsole(name, isRunning) {
  const view = byId('console');
  let text = `${name} does not run.`;
  if (isRunning) {
    const reply = await fetch(`api/console?partition=${encodeURIComponent(name)}`);
    text = reply.ok ? plain(new TextDecoder().decode(await reply.arrayBuffer())).slice(-maximumConsole) : (await reply.text()).trim();
  }
  if (name !== chosen || view.textContent === text) return;
  const atEnd = view.scrollTop + view.clientHeight >= view.scrollHeight - 8;
  view.textContent = text;
  if (atEnd) view.scrollTop = view.scrollHeight;
}

// --- The loop ---

function choose(name) {
  chosen = name;
  history.replaceState(null, '', `#${encodeURIComponent(name)}`);
  byId('console').textContent = '';
  look();
}

let looking = false;
async function look() {
  if (looking) return;
  looking = true;
  try {
    const reply = await fetch('api/partitions');
    if (!reply.ok) throw new Error((await reply.text()).trim());
    const state = await reply.json();
    for (const name of [...histories.keys()]) if (!state.partitions.some(one => one.status.name === name)) histories.delete(name);
    for (const partition of state.partitions) note(partition, state.time_ms);
    const running = state.partitions.filter(one => one.status.state === 'running');
    if (!state.partitions.some(one => one.status.name === chosen)) chosen = (running[0] ?? state.partitions[0])?.status.name ?? null;
    byId('summary').textContent = state.partitions.length === 0 ? 'no partitions are defined: vmbus define FILE' : `${running.length} of ${state.partitions.length} partitions run`;
    showPartitions(state.partitions);
    const partition = state.partitions.find(one => one.status.name === chosen);
    showDetail(partition);
    if (partition) await showConsole(chosen, partition.status.control !== null);
    byId('contact').textContent = new Date(state.time_ms).toLocaleTimeString();
    byId('contact').className = '';
  } catch (problem) {
    byId('contact').textContent = `no contact with the service: ${problem.message}`;
    byId('contact').className = 'lost';
  } finally {
    looking = false;
  }
}

makeCharts();
look();
setInterval(() => { if (!document.hidden) look(); }, period);

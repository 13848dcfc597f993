"use strict";

// What a client chose, names above all, reaches the page as text and in no other way.

const PAUSE_MS = 1000;
const PAGE_ROWS = 1000;
const PAGES_MAX = 10;
const SHOWN_MAX = 500;
const HISTORY = 120;

const $ = (id) => document.getElementById(id);
const state = {
  stats: null, before: null, regions: [], rates: [], isWhole: true, isPaused: false, zoom: null,
};

function el(tag, text, className) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
}

const count = (number) => Math.round(number).toLocaleString("en");

function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) { bytes /= 1024; unit += 1; }
  const digits = bytes >= 100 || Number.isInteger(bytes) ? 0 : 1;
  return bytes.toFixed(digits) + " " + units[unit];
}

function time(us) {
  if (us === Infinity) return "more";
  return us >= 1000 ? us / 1000 + " ms" : us + " us";
}

function duration(seconds) {
  const [d, h, m] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (d) return `${d} d ${h} h`;
  if (h) return `${h} h ${m} min`;
  return m ? `${m} min ${Math.floor(seconds % 60)} s` : `${Math.floor(seconds)} s`;
}

// The bound below which a part of the timed calls lies.
function quantile(classes, part, bounds) {
  const all = classes.reduce((sum, number) => sum + number, 0);
  if (!all) return null;
  let sum = 0;
  for (let at = 0; at < classes.length; at += 1) {
    sum += classes[at];
    if (sum >= all * part) return at < bounds.length ? bounds[at] : Infinity;
  }
  return Infinity;
}

const bound = (us) => (us === null ? "–" : us === Infinity ? "> 10 ms" : "≤ " + time(us));

async function load(path) {
  const answer = await fetch(path, { cache: "no-store" });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

async function loadRegions() {
  const regions = [];
  let cursor = "0";
  for (let page = 0; page < PAGES_MAX && cursor; page += 1) {
    const part = await load(`/api/regions.json?count=${PAGE_ROWS}&cursor=${cursor}`);
    regions.push(...part.regions);
    cursor = part.cursor;
  }
  return { regions, isWhole: !cursor };
}

function place(region, origin) {
  const from = Number(BigInt(region.start) - origin);
  const to = Number(BigInt(region.end) - origin);
  return { from, to, guard: to + region.guard, region };
}

async function refresh() {
  try {
    const stats = await load("/api/stats.json");
    const { regions, isWhole } = await loadRegions();
    const origin = BigInt(stats.window.start);
    state.before = state.stats;
    state.stats = stats;
    state.isWhole = isWhole;
    state.regions = regions.map((region) => place(region, origin)).sort((a, b) => a.from - b.from);
    noteRate();
    show();
    live("live", "good");
  } catch (error) {
    live("no answer", "bad");
  }
}

function live(text, className) {
  $("live").textContent = text;
  $("live").className = className;
}

// Requests per second of each command since the last look.
function noteRate() {
  const { stats, before } = state;
  if (!before || stats.uptime_us <= before.uptime_us) return;
  const seconds = (stats.uptime_us - before.uptime_us) / 1e6;
  const old = new Map(before.commands.map((command) => [command.name, command.ok + command.error]));
  stats.rates = new Map(stats.commands.map((command) => {
    const all = command.ok + command.error;
    return [command.name, (all - (old.get(command.name) ?? all)) / seconds];
  }));
  stats.rate = (stats.counters.service.commands - before.counters.service.commands) / seconds;
  state.rates.push(stats.rate);
  if (state.rates.length > HISTORY) state.rates.shift();
}

function show() {
  const { stats } = state;
  $("version").textContent = stats.version;
  $("uptime").textContent = "up " + duration(stats.uptime_us / 1e6);
  showTiles();
  showFrames();
  showCommands();
  showRegions();
  drawMap();
  drawRate();
}

function showTiles() {
  const { stats } = state;
  const { vmalloc, frames, tlb, service, net } = stats.counters;
  const sum = stats.commands.reduce((classes, command) =>
    command.timed.map((number, at) => number + (classes[at] ?? 0)), []);
  const p50 = quantile(sum, 0.5, stats.bounds_us);
  const p99 = quantile(sum, 0.99, stats.bounds_us);
  const tiles = [
    [count(vmalloc.areas), "regions", `and ${vmalloc.areas_system} of the image`],
    [size(vmalloc.pages_mapped * stats.page_bytes), "mapped", `${count(vmalloc.pages_mapped)} pages`],
    [count(vmalloc.areas_lazy), "lazy", `${size(vmalloc.pages_lazy * stats.page_bytes)}, ${count(tlb.purges)} purges`],
    [Math.round((100 * frames.frames_used) / frames.frames_total) + " %", "of frames used", `${size(frames.frames_free * stats.page_bytes)} free`],
    [stats.rate === undefined ? "–" : count(stats.rate), "requests/s", `${net.clients} connected, ${count(service.commands)} so far`],
    [bound(p50), "a call, p50", `p99 ${bound(p99)}`],
  ];
  $("tiles").replaceChildren(...tiles.map(([value, label, more]) => {
    const tile = el("div", undefined, "tile");
    tile.append(el("b", value), el("span", label), el("small", more));
    return tile;
  }));
}

function showFrames() {
  const { vmalloc, frames } = state.stats.counters;
  const page = state.stats.page_bytes;
  const total = frames.frames_total;
  const rest = Math.max(0, frames.frames_used - vmalloc.pages_mapped - vmalloc.table_pages - frames.frames_slabs);
  const zeroed = Math.min(frames.frames_zeroed, frames.frames_free);
  const parts = [
    ["busy", "behind mapped pages", vmalloc.pages_mapped],
    ["tables", "page tables", vmalloc.table_pages],
    ["other", "the library's records", frames.frames_slabs],
    ["lazy", "lazy, pooled, kernel runs", rest],
    ["zeroed", "free, zeroed ahead of time", zeroed],
    ["free", "free", frames.frames_free - zeroed],
  ];
  $("frames-sum").textContent = `${count(frames.frames_used)} of ${count(total)} used, ${count(frames.frames_reserve)} in reserve`;
  const bar = el("div", undefined, "bar");
  const rows = el("div", undefined, "rows");
  for (const [kind, label, number] of parts) {
    const piece = el("i", undefined, kind);
    piece.style.width = (100 * number) / total + "%";
    bar.append(piece);
    const key = el("span");
    key.append(el("i", undefined, kind), label);
    rows.append(key, el("span", count(number)), el("span", size(number * page)));
  }
  $("frames").replaceChildren(bar, rows);

  const nodes = Object.entries(frames).filter(([name]) => name.startsWith("frames_free_node"));
  $("nodes").replaceChildren(...nodes.map(([name, number]) => {
    const line = el("div", undefined, "node");
    const bar = el("div", undefined, "bar");
    const piece = el("i", undefined, "zeroed");
    piece.style.width = (100 * number * nodes.length) / total + "%";
    bar.append(piece);
    line.append(el("span", "node " + name.slice("frames_free_node".length)), bar, el("span", `${count(number)} (${size(number * page)})`));
    return line;
  }));
}

function showCommands() {
  const { stats } = state;
  const used = stats.commands.filter((command) => command.ok + command.error > 0);
  used.sort((a, b) => b.ok + b.error - a.ok - a.error);
  $("rate-now").textContent = stats.rate === undefined ? "" : count(stats.rate) + " now";
  $("commands").tBodies[0].replaceChildren(...used.slice(0, 8).map((command) => {
    const row = el("tr");
    const rate = stats.rates?.get(command.name);
    row.append(
      el("td", command.name),
      el("td", rate === undefined ? "–" : count(rate), "n"),
      el("td", count(command.ok), "n"),
      el("td", count(command.error), "n"),
      el("td", bound(quantile(command.timed, 0.5, stats.bounds_us)), "n"),
      el("td", bound(quantile(command.timed, 0.99, stats.bounds_us)), "n"),
    );
    return row;
  }));
}

const key = (region) => region.state + region.id;

function showRegions() {
  const wanted = $("filter").value.toLowerCase();
  const fits = ({ region }) =>
    !wanted || region.name.toLowerCase().includes(wanted) || region.start.includes(wanted);
  // What a client has comes first.
  const found = state.regions.filter(fits).sort((a, b) => a.region.system - b.region.system);
  const shown = found.slice(0, SHOWN_MAX);
  const more = found.length > shown.length ? `, the first ${count(shown.length)} are shown` : "";
  const cut = state.isWhole ? "" : " at least";
  $("regions-sum").textContent = `${count(found.length)}${cut}${more}`;
  const page = state.stats.page_bytes;
  $("regions").tBodies[0].replaceChildren(...shown.map(({ region }) => {
    const row = el("tr", undefined, region.state === "lazy" ? "lazy" : region.system ? "system" : "");
    row.dataset.key = key(region);
    row.append(
      el("td", region.name, "name"),
      el("td", String(region.id), "n"),
      el("td", region.start, "mono"),
      el("td", region.end, "mono"),
      el("td", count(region.pages), "n"),
      el("td", size(region.pages * page), "n"),
      el("td", count(region.requested), "n"),
      el("td", region.protection),
      el("td", region.state),
      el("td", region.nodes.join(" + "), "n"),
      el("td", region.owner ? String(region.owner) : "–", "n"),
    );
    return row;
  }));
}

// A canvas with as many points as the screen has.
function prepare(canvas, height) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.height = height + "px";
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const style = getComputedStyle(document.documentElement);
  return { pen, width, color: (name) => style.getPropertyValue("--" + name).trim() };
}

const LINE = 18;
const GAP = 5;
const LABEL = 78;

// Lines of a power of two bytes, so that all of them show everything that is in use, or the line
// that was clicked on.
function scale() {
  const end = state.regions.reduce((end, area) => Math.max(end, area.guard), 1 << 20);
  if (state.zoom) return { ...state.zoom, end };
  let line = 1 << 16;
  while (end / line > 16) line *= 2;
  return { first: 0, line, lines: Math.ceil(end / line), end };
}

function drawMap() {
  const { first, line, lines, end } = scale();
  const { pen, width, color } = prepare($("map"), lines * (LINE + GAP));
  const across = width - LABEL;
  const fill = (start, stop, name) => {
    const [from, to] = [Math.max(start - first, 0), Math.min(stop - first, lines * line)];
    for (let row = Math.floor(from / line); row * line < to; row += 1) {
      const left = Math.max(from - row * line, 0) / line;
      const right = Math.min(to - row * line, line) / line;
      pen.fillStyle = color(name);
      pen.fillRect(LABEL + left * across, row * (LINE + GAP), Math.max((right - left) * across, 1), LINE);
    }
  };
  pen.font = "11px ui-monospace, 'DejaVu Sans Mono', monospace";
  pen.textBaseline = "middle";
  for (let row = 0; row < lines; row += 1) {
    pen.fillStyle = color("free");
    pen.fillRect(LABEL, row * (LINE + GAP), across, LINE);
    pen.fillStyle = color("soft");
    pen.fillText("+" + size(first + row * line), 0, row * (LINE + GAP) + LINE / 2);
  }
  let odd = 0;
  for (const { from, to, guard, region } of state.regions) {
    odd += 1;
    if (region.state === "lazy") {
      fill(from, guard, "lazy");
      continue;
    }
    fill(from, to, region.system ? "system" : odd % 2 ? "busy" : "busy-2");
    fill(to, guard, "guard");
  }
  const whole = Number(BigInt(state.stats.window.end) - BigInt(state.stats.window.start));
  const part = first || state.zoom
    ? `${size(lines * line)} from +${size(first)}`
    : `${state.stats.window.start}, the first ${size(end)} of ${size(whole)}`;
  $("scale").textContent = `${part}; a line is ${size(line)}`;
  $("whole").hidden = !state.zoom;
}

// Shows the line under the pointer in as many lines.
function zoom(event) {
  if (!state.stats) return;
  const { first, line, lines } = scale();
  const row = Math.floor(event.offsetY / (LINE + GAP));
  if (row < 0 || row >= lines || line <= 1 << 16) return;
  state.zoom = { first: first + row * line, line: line / 16, lines: 16 };
  drawMap();
}

function showWhole() {
  state.zoom = null;
  if (state.stats) drawMap();
}

function pointAt(event) {
  if (!state.stats) return;
  const { first, line, lines } = scale();
  const across = $("map").clientWidth - LABEL;
  const row = Math.floor(event.offsetY / (LINE + GAP));
  const part = (event.offsetX - LABEL) / across;
  if (part < 0 || part > 1 || row < 0 || row >= lines) return point(null);
  const at = first + (row + part) * line;
  const address = "0x" + (BigInt(state.stats.window.start) + BigInt(Math.floor(at))).toString(16);
  const area = state.regions.find(({ from, guard }) => from <= at && at < guard);
  if (!area) return point(null, `${address}: free`);
  const { region, to } = area;
  const what = region.state === "lazy" ? "lazy, was" : at >= to ? "guard page of" : "in";
  point(region, `${address}: ${what} ${region.name || region.id}, ${size(region.pages * state.stats.page_bytes)}`);
}

const HINT = "Point at the map to see what lies there; click on a line to see it larger.";

function point(region, text = HINT) {
  $("pointed").textContent = text;
  for (const row of document.querySelectorAll("tr.pointed")) row.classList.remove("pointed");
  if (!region) return;
  for (const row of $("regions").tBodies[0].rows) {
    if (row.dataset.key === key(region)) row.classList.add("pointed");
  }
}

function drawRate() {
  const height = 110;
  const { pen, width, color } = prepare($("rate"), height);
  const top = Math.max(10, ...state.rates) * 1.1;
  pen.strokeStyle = color("line");
  pen.fillStyle = color("soft");
  pen.font = "11px system-ui, sans-serif";
  for (const part of [0, 0.5, 1]) {
    const y = Math.round(height - 1 - part * (height - 16)) + 0.5;
    pen.beginPath();
    pen.moveTo(0, y);
    pen.lineTo(width, y);
    pen.stroke();
    if (part) pen.fillText(count(top * part), 2, y - 3);
  }
  if (state.rates.length < 2) return;
  const x = (at) => width - ((state.rates.length - 1 - at) * width) / (HISTORY - 1);
  const y = (rate) => height - 1 - (rate / top) * (height - 16);
  pen.beginPath();
  state.rates.forEach((rate, at) => pen.lineTo(x(at), y(rate)));
  pen.strokeStyle = color("busy");
  pen.lineWidth = 2;
  pen.stroke();
  pen.lineTo(width, height);
  pen.lineTo(x(0), height);
  pen.globalAlpha = 0.15;
  pen.fillStyle = color("busy");
  pen.fill();
}

async function run() {
  for (;;) {
    if (!state.isPaused && !document.hidden) await refresh();
    await new Promise((done) => setTimeout(done, PAUSE_MS));
  }
}

$("pause").addEventListener("click", () => {
  state.isPaused = !state.isPaused;
  $("pause").textContent = state.isPaused ? "Go on" : "Pause";
});
$("filter").addEventListener("input", () => state.stats && showRegions());
$("map").addEventListener("click", zoom);
$("whole").addEventListener("click", showWhole);
$("map").addEventListener("mousemove", pointAt);
$("map").addEventListener("mouseleave", () => point(null));
window.addEventListener("resize", () => state.stats && show());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => state.stats && show());
run();

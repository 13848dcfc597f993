// The window to scale: lines of cells, each cell a summary that the image has computed. The page
// draws nothing as free that it has no answer for.

const LINES = 16;
const LINE_MIN = 1 << 16;
const GAP = 5;
const LABEL = 92;
// Above the first line, for the outline of a cell.
const TOP = 4;

// The view is null for everything in use, or the first of 16 lines and the bytes of a line. The range
// in use grows and shrinks: the map keeps to the bytes of its last answer until the next one has come.
const view = { now: null, used: null, history: [], cell: 0, selected: null };

const isNarrow = () => $("map").clientWidth < 600;
const lineHeight = () => (isNarrow() ? 16 : 18);
const lineTop = (row) => TOP + row * (lineHeight() + GAP);
const cellsPerLine = (line) => Math.min(isNarrow() ? 64 : 128, line / state.stats.page_bytes);

// Lines of a power of two bytes.
function whole(used = view.used ?? state.stats.used) {
  let line = LINE_MIN;
  while (used / line > LINES) line *= 2;
  return { first: 0, line, lines: Math.max(1, Math.ceil(used / line)) };
}

function scale(used) {
  const { first, line, lines } = view.now ? { ...view.now, lines: LINES } : whole(used);
  const cells = cellsPerLine(line);
  return { first, line, lines: Math.min(lines, Math.ceil((state.stats.bytes - first) / line)), cells, cell: line / cells };
}

function mapRequest(used) {
  const { first, line, lines, cells } = scale(used);
  const at = (offset) => hex(state.stats.start + BigInt(offset));
  const path = `/api/map.json?from=${at(first)}&to=${at(first + lines * line)}&buckets=${lines * cells}`;
  return { path, key: path };
}

// The image's answer for the view, or null where there is none yet.
const currentMap = () => (state.map?.key === mapRequest().key ? state.map : null);

// Pages of each kind in a cell, or null where the image has not said.
function cellSums(index, map = currentMap()) {
  if (!map) return null;
  const sums = map.buckets[index];
  if (sums === undefined) return { clients: 0, image: 0, guard: 0, regions: 0, lazy: 0, isOutside: true };
  const [clients, image, guard, regions] = sums || [0, 0, 0, 0];
  return { clients, image, guard, regions, lazy: lazyPages(map, index) };
}

function lazyPages(map, index) {
  map.lazyByCell ??= spread(map);
  return map.lazyByCell.get(index) ?? 0;
}

function spread(map) {
  const cells = new Map();
  for (const [offset, bytes] of map.lazy) {
    for (let at = offset; at < offset + bytes;) {
      const cell = Math.floor(at / map.bucket_bytes);
      const end = Math.min((cell + 1) * map.bucket_bytes, offset + bytes);
      cells.set(cell, (cells.get(cell) ?? 0) + (end - at) / map.page_bytes);
      at = end;
    }
  }
  return cells;
}

function drawMap() {
  const at = scale();
  const map = currentMap();
  const height = lineHeight();
  const { pen, width } = prepare($("map"), TOP + at.lines * (height + GAP));
  const across = width - LABEL;
  pen.font = "11px ui-monospace, 'DejaVu Sans Mono', monospace";
  pen.textBaseline = "middle";
  const left = (cell) => Math.round(LABEL + (cell * across) / at.cells);
  for (let row = 0; row < at.lines; row += 1) {
    const top = lineTop(row);
    pen.fillStyle = color("soft");
    const offset = at.first + row * at.line;
    pen.fillText("+" + (at.line < 1 << 20 ? hex(offset) : exact(offset)), 0, top + height / 2);
    for (let cell = 0; cell < at.cells; cell += 1) {
      const box = { x: left(cell), y: top, w: left(cell + 1) - left(cell), h: height };
      drawCell(pen, box, cellSums(row * at.cells + cell, map), at.cell / state.stats.page_bytes);
    }
    pen.strokeStyle = color("line");
    pen.lineWidth = 1;
    pen.strokeRect(LABEL + 0.5, top + 0.5, across - 1, height - 1);
  }
  drawSelected(pen, at, left, height);
  drawCursor(pen, at, left, height);
  showView(at);
}

// A cell is filled from below in proportion; a kind that is there is seen, however little it is.
function drawCell(pen, { x, y, w, h }, sums, pages) {
  const fill = (kind, top, height) => {
    pen.fillStyle = filling(pen, kind);
    pen.fillRect(x, top, w, height);
  };
  if (!sums) return fill("unknown", y, h);
  if (sums.isOutside) return;
  fill("free", y, h);
  const kinds = ["image", "clients", "lazy", "guard"].filter((kind) => sums[kind] > 0);
  const least = 2;
  let bottom = y + h;
  for (const kind of kinds) {
    const part = Math.min(Math.max((sums[kind] / pages) * h, least), bottom - y);
    fill(kind, bottom - part, part);
    bottom -= part;
  }
}

// The outline of the selected region.
function drawSelected(pen, at, left, height) {
  const region = view.selected && known(view.selected);
  if (!region) return;
  const first = Math.floor((region.from - at.first) / at.cell);
  const last = Math.floor((region.to - 1 - at.first) / at.cell);
  pen.strokeStyle = color("ink");
  pen.lineWidth = 2;
  for (let row = Math.max(0, Math.floor(first / at.cells)); row * at.cells <= last && row < at.lines; row += 1) {
    const from = Math.max(first - row * at.cells, 0);
    const to = Math.min(last - row * at.cells, at.cells - 1);
    if (from > at.cells - 1 || to < 0) continue;
    pen.strokeRect(left(from) - 1, lineTop(row) - 1, left(to + 1) - left(from) + 2, height + 2);
  }
}

function drawCursor(pen, at, left, height) {
  if (document.activeElement !== $("map")) return;
  view.cell = Math.min(view.cell, at.lines * at.cells - 1);
  const [row, cell] = [Math.floor(view.cell / at.cells), view.cell % at.cells];
  const [x, y] = [left(cell), lineTop(row)];
  const w = left(cell + 1) - x;
  pen.lineWidth = 2;
  pen.strokeStyle = color("card");
  pen.strokeRect(x - 1, y - 1, w + 2, height + 2);
  pen.strokeStyle = color("focus");
  pen.strokeRect(x - 3, y - 3, w + 6, height + 6);
}

function showView(at) {
  const { start, used, bytes } = state.stats;
  const range = view.now ? `${size(at.lines * at.line)} from +${exact(at.first)}` : `all ${size(used)} in use of ${size(bytes)} from ${hex(start)}`;
  const loading = currentMap() ? "" : "; loading";
  put($("scale"), `${range}; a line is ${size(at.line)}, a cell ${size(at.cell)}${loading}`);
  $("zoom-in").disabled = at.line <= LINE_MIN;
  $("zoom-out").disabled = !view.now;
  $("zoom-back").disabled = !view.history.length;
  $("zoom-all").disabled = !view.now;
}

// Changes the view; the one before can be returned to.
function setView(next, cell = 0) {
  view.history.push({ now: view.now, cell: view.cell });
  if (view.history.length > 50) view.history.shift();
  showFrom(next, cell);
}

function showFrom(next, cell) {
  view.now = next;
  view.cell = cell;
  describeCell();
  drawMap();
  wake();
}

// Shows the line of the cursor as a whole map.
function zoomIn() {
  const { first, line, cells } = scale();
  if (line <= LINE_MIN) return;
  const row = Math.floor(view.cell / cells);
  const next = { first: first + row * line, line: Math.max(line / LINES, LINE_MIN) };
  setView(next, cellAt(next, cellRange()[0]));
}

// Shows the map as a line of a larger one.
function zoomOut() {
  if (!view.now) return;
  const { first, line } = view.now;
  const larger = line * LINES;
  const start = Math.floor(first / (larger * LINES)) * larger * LINES;
  const all = whole();
  if (larger >= all.line) return setView(null, cellAt(all, first));
  setView({ first: start, line: larger }, cellAt({ first: start, line: larger }, first));
}

const cellAt = ({ first, line }, offset) => Math.max(0, Math.floor((offset - first) / (line / cellsPerLine(line))));

function zoomBack() {
  const before = view.history.pop();
  if (before) showFrom(before.now, before.cell);
}

function zoomAll() {
  if (view.now) setView(null);
}

// Moves the view to where a region is, unless it can be seen.
function showRegion(region) {
  view.selected = region.key;
  const at = scale();
  const isInside = region.from >= at.first && region.to <= at.first + at.lines * at.line;
  if (isInside && region.to - region.from >= at.cell / 4) {
    view.cell = cellAt(at, region.from);
    describeCell();
    return drawMap();
  }
  let line = LINE_MIN;
  while (line * LINES < 4 * (region.to - region.from)) line *= 2;
  const first = Math.floor(region.from / (line * LINES)) * line * LINES;
  if (region.to > first + line * LINES) line *= 2;
  const next = { first: Math.floor(region.from / (line * LINES)) * line * LINES, line };
  if (line >= whole().line) setView(null, cellAt(whole(), region.from));
  else setView(next, cellAt(next, region.from));
}

// Bytes of the cell under the cursor, as offsets in the window.
function cellRange() {
  const { first, cell } = scale();
  return [first + view.cell * cell, first + (view.cell + 1) * cell];
}

function regionInCell() {
  const [from, to] = cellRange();
  const inside = state.regions.filter((region) => region.from < to && region.guardEnd > from);
  return inside.find((region) => region.state !== "lazy" && !region.system) ?? inside[0];
}

function describeCell() {
  const [from, to] = cellRange();
  const { page_bytes, start } = state.stats;
  const sums = cellSums(view.cell);
  const address = `${hex(start + BigInt(from))}, ${size(to - from)}`;
  if (!sums) return put($("pointed"), `${address}: loading`);
  const words = { clients: "of clients", image: "of the image", guard: "of guard pages", lazy: "lazy" };
  const parts = Object.keys(words).filter((kind) => sums[kind] > 0)
    .map((kind) => `${size(sums[kind] * page_bytes)} ${words[kind]}`);
  const pages = (to - from) / page_bytes;
  const free = Math.max(0, pages - sums.clients - sums.image - sums.guard - sums.lazy);
  if (free > 0) parts.push(`${size(free * page_bytes)} free`);
  const region = sums.clients + sums.image + sums.guard + sums.lazy > 0 ? regionInCell() : undefined;
  const name = region && sums.regions <= 1 ? ` (${region.name})` : sums.regions > 1 ? ` (${sums.regions} regions begin here)` : "";
  put($("pointed"), `${address}: ${parts.join(", ")}${name}`);
}

// Selects the region under the cursor in the table, too.
async function selectInCell() {
  const { cell, now } = view;
  let region = regionInCell();
  if (!region && cellSums(cell)?.regions) {
    // The listing has not come so far. Where no answer comes, the next round of the page says why.
    const cursor = hex(state.stats.start + BigInt(cellRange()[0]));
    const page = await load(`/api/regions.json?count=1&cursor=${cursor}`).catch(() => null);
    // The view may have changed while the answer was on its way.
    if (!page || view.cell !== cell || view.now !== now) return;
    const isNew = (row) => !state.regions.some((other) => other.key === row.key);
    state.regions.push(...page.regions.map(place).filter(isNew));
    region = regionInCell();
  }
  if (!region) return;
  view.selected = region.key;
  showRegions();
  revealRow(region.key);
  drawMap();
}

function cellUnder(event) {
  const { lines, cells } = scale();
  const row = Math.floor((event.offsetY - TOP) / (lineHeight() + GAP));
  const part = (event.offsetX - LABEL) / ($("map").clientWidth - LABEL);
  if (part < 0 || part >= 1 || row < 0 || row >= lines) return null;
  return row * cells + Math.floor(part * cells);
}

function pointAt(event) {
  if (!state.stats) return;
  const cell = cellUnder(event);
  if (cell === null || cell === view.cell) return;
  view.cell = cell;
  describeCell();
  drawMap();
}

const KEYS = {
  ArrowLeft: () => moveCell(-1),
  ArrowRight: () => moveCell(1),
  ArrowUp: () => moveCell(-scale().cells),
  ArrowDown: () => moveCell(scale().cells),
  Home: () => moveCell(-(view.cell % scale().cells)),
  End: () => moveCell(scale().cells - 1 - (view.cell % scale().cells)),
  "+": zoomIn,
  "=": zoomIn,
  "-": zoomOut,
  Backspace: zoomBack,
  Escape: zoomAll,
  Enter: selectInCell,
};

function moveCell(by) {
  const { lines, cells } = scale();
  const next = view.cell + by;
  if (next < 0 || next >= lines * cells) return;
  view.cell = next;
  describeCell();
  drawMap();
}

function mapKey(event) {
  const act = KEYS[event.key];
  if (!act || !state.stats || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act();
}

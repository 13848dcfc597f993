// The answers of the image: counters, the map of the view, and the regions, a few pages in each round.

const ANSWER_LIMIT_MS = 10_000;
const PAGE_ROWS = 1000;
const PAGES_PER_ROUND = 4;
const ROWS_MAX = 50_000;
// Percentiles and the chart look back as far.
const INTERVAL_US = 60e6;
const CHART_MS = 120_000;

const state = {
  stats: null, older: [], rates: [], map: null, regions: [], scan: null,
  isPaused: false, pausedAt: null, resumedAt: Date.now(), answeredAt: null, problem: null,
};

class Refused extends Error {
  constructor(answer) {
    super(`${answer.status}`);
    this.retryMs = 1000 * (Number(answer.headers.get("Retry-After")) || 1);
    this.isBusy = answer.status === 503;
  }
}

async function load(path) {
  const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_LIMIT_MS) });
  if (!answer.ok) throw new Refused(answer);
  const json = await answer.json();
  state.answeredAt = Date.now();
  return json;
}

async function loadStats() {
  const stats = await load("/api/stats.json");
  stats.start = BigInt(stats.window.start);
  stats.used = Number(BigInt(stats.window.used_end) - stats.start);
  stats.bytes = Number(BigInt(stats.window.end) - stats.start);
  noteStats(stats);
}

// Keeps the answers of the last minute, to compare with. Counters that went back begin again.
function noteStats(stats) {
  const before = state.stats;
  const calls = (stats) => stats.counters.service.commands;
  if (before && (stats.uptime_us < before.uptime_us || calls(stats) < calls(before))) state.older = [];
  state.older = state.older.filter((old) => stats.uptime_us - old.uptime_us <= INTERVAL_US);
  const last = state.older[state.older.length - 1];
  if (last && stats.uptime_us > last.uptime_us) {
    const seconds = (stats.uptime_us - last.uptime_us) / 1e6;
    const old = new Map(last.commands.map((command) => [command.name, command.ok + command.error]));
    stats.ratesByName = new Map(stats.commands.map((command) => {
      const all = command.ok + command.error;
      return [command.name, (all - (old.get(command.name) ?? all)) / seconds];
    }));
    stats.rate = (calls(stats) - calls(last)) / seconds;
    state.rates.push({ at: Date.now(), rate: stats.rate });
  }
  state.rates = state.rates.filter(({ at }) => Date.now() - at <= CHART_MS);
  state.older.push(stats);
  state.stats = stats;
}

// The classes of times of each command in the interval, and how long that is.
function timedInInterval() {
  const { stats, older } = state;
  const first = older[0];
  const old = new Map(first.commands.map((command) => [command.name, command.timed]));
  const isWhole = first === stats;
  const timed = new Map(stats.commands.map((command) => {
    const before = isWhole ? [] : old.get(command.name) ?? [];
    return [command.name, command.timed.map((number, at) => number - (before[at] ?? 0))];
  }));
  const seconds = Math.round((stats.uptime_us - first.uptime_us) / 1e6);
  return { timed, label: isWhole ? "since boot" : `last ${seconds} s` };
}

async function loadMap() {
  const { used } = state.stats;
  const wanted = mapRequest(used);
  const map = await load(wanted.path);
  view.used = used;
  // The view may have changed while the answer was on its way.
  state.map = { ...map, key: wanted.key };
}

// Some pages of the listing; a listing that is complete replaces the one before.
async function loadRegions() {
  const scan = state.scan ?? { cursor: "0", rows: [] };
  state.scan = scan;
  for (let page = 0; page < PAGES_PER_ROUND; page += 1) {
    const part = await load(`/api/regions.json?count=${PAGE_ROWS}&cursor=${scan.cursor}`);
    for (const region of part.regions) scan.rows.push(place(region));
    scan.cursor = part.cursor;
    if (!scan.cursor || scan.rows.length >= ROWS_MAX) {
      state.regions = scan.rows;
      state.scan = null;
      return;
    }
  }
  // A part that is more than the listing before tells more.
  if (scan.rows.length > state.regions.length) state.regions = scan.rows.slice();
}

// Offsets in the window: numbers, which addresses are too large for.
function place(region) {
  const from = Number(BigInt(region.start) - state.stats.start);
  const to = Number(BigInt(region.end) - state.stats.start);
  const name = visible(region.name) || `region ${region.id}`;
  return { ...region, key: region.state + region.id, name, from, to, guardEnd: to + region.guard };
}

function known(key) {
  return state.regions.find((region) => region.key === key);
}

// Order of the work: a round of answers, then a pause that grows with what the round has cost.

const PAUSE_MS = 1000;
state.roundMs = PAUSE_MS;

let wake = () => {};

function show() {
  const { stats } = state;
  put($("version"), stats.version);
  put($("uptime"), "up " + duration(stats.uptime_us / 1e6));
  showTiles();
  showFrames();
  showCommands();
  drawRate();
  drawSwatches();
}

async function round() {
  try {
    await loadStats();
    show();
    await loadMap();
    drawMap();
    describeCell();
    await loadRegions();
    showRegions();
    noteTabStop();
    state.problem = null;
    return PAUSE_MS;
  } catch (error) {
    // An answer for a range that is no longer in use, or no answer at all.
    state.scan = null;
    state.problem = error;
    return error.retryMs ?? PAUSE_MS;
  } finally {
    showStatus();
  }
}

async function run() {
  for (;;) {
    const start = performance.now();
    let pauseMs = PAUSE_MS;
    if (!state.isPaused && !document.hidden) pauseMs = await round();
    // A page takes at most half of the time of a busy image.
    state.roundMs = Math.max(pauseMs, performance.now() - start);
    await new Promise((done) => {
      wake = done;
      setTimeout(done, state.roundMs);
    });
  }
}

function redraw() {
  forgetFillings();
  if (!state.stats) return;
  show();
  drawMap();
}

document.body.classList.remove("no-script");
$("pause").addEventListener("click", pause);
$("filter").addEventListener("input", () => state.stats && showRegions());
$("more").addEventListener("click", () => { table.shown += SHOWN_STEP; showRegions(); });
$("fold").addEventListener("click", () => {
  table.isUnfolded = $("fold").getAttribute("aria-expanded") !== "true";
  if (!table.isUnfolded && known(view.selected)?.system) view.selected = null;
  showRegions();
});
$("regions").tHead.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) sortBy(button.dataset.sort);
});
$("regions").addEventListener("click", clickRow);
$("regions").addEventListener("keydown", rowKey);
$("map").addEventListener("mousemove", pointAt);
$("map").addEventListener("click", (event) => { if (state.stats) { pointAt(event); selectInCell(); } });
$("map").addEventListener("dblclick", () => state.stats && zoomIn());
$("map").addEventListener("keydown", mapKey);
for (const kind of ["focus", "blur"]) $("map").addEventListener(kind, () => state.stats && drawMap());
for (const [id, act] of [["zoom-in", zoomIn], ["zoom-out", zoomOut], ["zoom-back", zoomBack], ["zoom-all", zoomAll]]) {
  $(id).addEventListener("click", () => state.stats && act());
}
window.addEventListener("resize", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
document.addEventListener("visibilitychange", noteRest);
setInterval(() => { showStatus(); if (state.stats) drawRate(); }, 1000);
drawSwatches();
run();

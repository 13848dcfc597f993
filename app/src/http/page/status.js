// Whether the numbers are live: a page without answers must not look like a live one.

const LATE_MS = 3000;

function status() {
  const { answeredAt, resumedAt, problem } = state;
  if (state.isPaused || document.hidden) return ["paused", "paused"];
  if (problem?.isBusy) return ["busy, trying again", "bad"];
  const since = Math.max(answeredAt ?? 0, resumedAt);
  if (problem || Date.now() - since > LATE_MS + state.roundMs) return ["no answer", "bad"];
  return since === answeredAt ? ["live", "good"] : ["connecting", ""];
}

const clock = (at) => new Date(at).toLocaleTimeString("en-GB");

function showStatus() {
  const [word, kind] = status();
  const isLive = word === "live";
  put($("live"), word);
  $("live").className = kind;
  const age = state.answeredAt === null ? null : Math.round((Date.now() - state.answeredAt) / 1000);
  const since = word === "paused" ? `paused since ${clock(state.pausedAt)}, ` : "";
  put($("age"), isLive ? "" : since + (age === null ? "no answer yet" : `last answer ${duration(age)} ago`));
  document.body.classList.toggle("stale", !isLive);
  const title = isLive ? "vmalloc" : `vmalloc (${word})`;
  if (document.title !== title) document.title = title;
}

function pause() {
  state.isPaused = !state.isPaused;
  put($("pause"), state.isPaused ? "Go on" : "Pause");
  noteRest();
}

// A hidden page rests as a paused one does.
function noteRest() {
  const isResting = state.isPaused || document.hidden;
  if (isResting) state.pausedAt ??= Date.now();
  else {
    state.pausedAt = null;
    state.resumedAt = Date.now();
    state.problem = null;
    wake();
  }
  showStatus();
}

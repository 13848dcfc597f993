// Fillings: each kind differs from the others in lightness or in its pattern, not only in colour.

const TILE = 8;
const PATTERNS = {
  clients: (pen) => pen.fillRect(0, 0, TILE, TILE),
  image: (pen) => stripes(pen, 1),
  guard: (pen) => pen.fillRect(0, 0, TILE, TILE),
  lazy: (pen) => { for (const at of [0, 4]) pen.fillRect(at, 0, 2, TILE); },
  free: (pen) => pen.fillRect(0, 0, TILE, TILE),
  unknown: (pen) => { stripes(pen, 1); stripes(pen, -1); },
  tables: (pen) => { for (const at of [0, 4]) pen.fillRect(0, at, TILE, 2); },
  records: (pen) => { for (const at of [1, 5]) pen.fillRect(at, at, 3, 3); },
  zeroed: (pen) => pen.fillRect(3, 3, 2, 2),
};

function stripes(pen, direction) {
  pen.lineWidth = 1.5;
  for (const at of [-TILE, 0, TILE]) {
    pen.beginPath();
    pen.moveTo(at, direction > 0 ? TILE : 0);
    pen.lineTo(at + TILE, direction > 0 ? 0 : TILE);
    pen.stroke();
  }
}

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

let fillings = new Map();

function forgetFillings() {
  fillings = new Map();
}

// A pattern for a pen that is scaled by the screen's ratio.
function filling(pen, kind) {
  if (!fillings.has(kind)) {
    const tile = document.createElement("canvas");
    tile.width = TILE;
    tile.height = TILE;
    const ink = tile.getContext("2d");
    ink.fillStyle = color(kind + "-back") || color("card");
    ink.fillRect(0, 0, TILE, TILE);
    ink.fillStyle = color(kind);
    ink.strokeStyle = color(kind);
    PATTERNS[kind](ink);
    fillings.set(kind, pen.createPattern(tile, "repeat"));
  }
  return fillings.get(kind);
}

// Makes a canvas as many points wide as the screen has, and clears it.
function prepare(canvas, height) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  if (canvas.clientHeight !== height) canvas.style.height = height + "px";
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  return { pen, width };
}

function drawSwatches() {
  for (const swatch of document.querySelectorAll("canvas.swatch")) {
    const { pen } = prepare(swatch, 14);
    pen.fillStyle = filling(pen, swatch.dataset.kind);
    pen.fillRect(0, 0, 14, 14);
    pen.strokeStyle = color("soft");
    pen.strokeRect(0.5, 0.5, 13, 13);
  }
}

// A bar of parts: kinds and shares of the whole.
function drawBar(canvas, height, parts) {
  const { pen, width } = prepare(canvas, height);
  let left = 0;
  for (const [kind, share] of parts) {
    const part = share * width;
    pen.fillStyle = filling(pen, kind);
    pen.fillRect(left, 0, part, height);
    if (left > 0 && part > 1) {
      pen.fillStyle = color("card");
      pen.fillRect(left, 0, 1, height);
    }
    left += part;
  }
  pen.strokeStyle = color("soft");
  pen.strokeRect(0.5, 0.5, width - 1, height - 1);
}

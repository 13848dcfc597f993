// The tiles, the frames, the commands and the chart.

// Shows items in the children of a container: children are made once, then updated.
function repeat(container, items, make, update) {
  while (container.children.length > items.length) container.lastElementChild.remove();
  items.forEach((item, at) => {
    if (!container.children[at]) container.append(make(item));
    update(container.children[at], item);
  });
}

function putAll(node, texts) {
  texts.forEach((text, at) => put(node.children[at], text));
}

function showTiles() {
  const { stats } = state;
  const { vmalloc, frames, tlb, service, net } = stats.counters;
  const { timed, label } = timedInInterval();
  let sum = [];
  for (const classes of timed.values()) sum = classes.map((number, at) => number + (sum[at] ?? 0));
  const [p50, p99] = [0.5, 0.99].map((part) => bound(quantile(sum, part, stats.bounds_us), stats.bounds_us));
  const tiles = [
    [count(vmalloc.areas), "regions", `and ${vmalloc.areas_system} of the image`],
    [size(vmalloc.pages_mapped * stats.page_bytes), "mapped", `${count(vmalloc.pages_mapped)} pages`],
    [count(vmalloc.areas_lazy), "lazy", `${size(vmalloc.pages_lazy * stats.page_bytes)}, ${count(tlb.purges)} purges`],
    [Math.round((100 * frames.frames_used) / frames.frames_total) + " %", "of frames used", `${size(frames.frames_free * stats.page_bytes)} free`],
    [stats.rate === undefined ? "–" : count(stats.rate), "requests/s", `${net.clients} connected, ${count(service.commands)} since boot`],
    [p50, `p50 of a call, ${label}`, `p99 ${p99}`],
  ];
  const make = () => {
    const tile = el("div", undefined, "tile");
    tile.append(el("b"), el("span"), el("small"));
    return tile;
  };
  repeat($("tiles"), tiles, make, putAll);
}

function showFrames() {
  const { vmalloc, frames } = state.stats.counters;
  const page = state.stats.page_bytes;
  const total = frames.frames_total;
  const rest = Math.max(0, frames.frames_used - vmalloc.pages_mapped - vmalloc.table_pages - frames.frames_slabs);
  const zeroed = Math.min(frames.frames_zeroed, frames.frames_free);
  const parts = [
    ["clients", "behind mapped pages", vmalloc.pages_mapped],
    ["tables", "page tables", vmalloc.table_pages],
    ["records", "the library's records", frames.frames_slabs],
    ["lazy", "lazy, pooled, kernel runs", rest],
    ["zeroed", "free, zeroed ahead of time", zeroed],
    ["free", "free", frames.frames_free - zeroed],
  ];
  put($("frames-sum"), `${count(frames.frames_used)} of ${count(total)} used, ${count(frames.frames_reserve)} in reserve`);
  drawBar($("frames-bar"), 22, parts.map(([kind, , number]) => [kind, number / total]));
  const make = ([kind]) => {
    const row = el("li");
    const swatch = el("canvas", undefined, "swatch");
    swatch.dataset.kind = kind;
    const label = el("span");
    label.append(swatch, el("span"));
    row.append(label, el("span", undefined, "n"), el("span", undefined, "n"));
    return row;
  };
  repeat($("frames-rows"), parts, make, (row, [, label, number]) => {
    put(row.children[0].lastElementChild, label);
    put(row.children[1], count(number));
    put(row.children[2], size(number * page));
  });

  const nodes = Object.entries(frames).filter(([name]) => name.startsWith("frames_free_node"));
  const makeNode = () => {
    const line = el("li");
    line.append(el("span"), el("canvas"), el("span", undefined, "n"));
    return line;
  };
  repeat($("nodes"), nodes, makeNode, (line, [name, number]) => {
    put(line.children[0], "node " + name.slice("frames_free_node".length));
    drawBar(line.children[1], 12, [["zeroed", Math.min(1, (number * nodes.length) / total)]]);
    put(line.children[2], `${count(number)} (${size(number * page)})`);
  });
}

function showCommands() {
  const { stats } = state;
  const { timed, label } = timedInInterval();
  const used = stats.commands.filter((command) => command.ok + command.error > 0);
  used.sort((a, b) => b.ok + b.error - a.ok - a.error);
  put($("rate-now"), stats.rate === undefined ? "" : count(stats.rate) + " now");
  put($("timed-label"), `ok and errors since boot; p50 and p99 ${label}, of one call in 16`);
  const make = () => {
    const row = el("tr");
    const name = el("th");
    name.scope = "row";
    row.append(name, ...Array.from({ length: 5 }, () => el("td", undefined, "n")));
    return row;
  };
  repeat($("commands").tBodies[0], used.slice(0, 8), make, (row, command) => {
    const rate = stats.ratesByName?.get(command.name);
    const part = (part) => bound(quantile(timed.get(command.name), part, stats.bounds_us), stats.bounds_us);
    putAll(row, [
      command.name, rate === undefined ? "–" : count(rate), count(command.ok), count(command.error),
      part(0.5), part(0.99),
    ]);
  });
}

// Requests per second by time: a time without answers is a gap.
function drawRate() {
  const height = 110;
  const { pen, width } = prepare($("rate"), height);
  const now = Date.now();
  const points = state.rates.filter(({ at }) => now - at <= CHART_MS);
  const top = Math.max(10, ...points.map(({ rate }) => rate)) * 1.1;
  pen.strokeStyle = color("line");
  pen.fillStyle = color("soft");
  pen.font = "11px system-ui, sans-serif";
  const y = (rate) => height - 1 - (rate / top) * (height - 16);
  const x = (at) => width - ((now - at) * width) / CHART_MS;
  for (const part of [0, 0.5, 1]) {
    const line = Math.round(y(part * top)) + 0.5;
    pen.beginPath();
    pen.moveTo(0, line);
    pen.lineTo(width, line);
    pen.stroke();
    if (part) pen.fillText(count(top * part), 2, line - 3);
  }
  pen.strokeStyle = color("chart");
  pen.lineWidth = 2;
  let last = null;
  pen.beginPath();
  for (const point of points) {
    if (last && point.at - last.at < 3 * LATE_MS) pen.lineTo(x(point.at), y(point.rate));
    else pen.moveTo(x(point.at), y(point.rate));
    last = point;
  }
  pen.stroke();
  const text = last ? `${count(last.rate)} requests per second` : "no value yet";
  $("rate").setAttribute("aria-label", `Requests per second in the last two minutes: ${text}`);
}

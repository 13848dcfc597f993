// The table of regions: sorted, filtered, and updated in place.

const SHOWN_STEP = 500;

const COLUMNS = [
  ["name", (region) => region.name, "name"],
  ["id", (region) => String(region.id), "n"],
  ["start", (region) => region.start, "mono"],
  ["end", (region) => region.end, "mono"],
  ["pages", (region) => count(region.pages), "n"],
  ["mapped", (region) => size(region.pages * state.stats.page_bytes), "n"],
  ["requested", (region) => count(region.requested), "n"],
  ["protection", (region) => region.protection, ""],
  ["state", (region) => region.state, ""],
  ["nodes", (region) => region.nodes.join(" + "), "n"],
  ["owner", (region) => (region.owner ? String(region.owner) : "–"), "n"],
];

const KEYS_OF = {
  name: (region) => region.name, id: (region) => region.id, start: (region) => region.from,
  pages: (region) => region.pages, requested: (region) => region.requested,
  protection: (region) => region.protection, state: (region) => region.state, owner: (region) => region.owner,
};

const table = { sort: "start", isDescending: false, shown: SHOWN_STEP, isUnfolded: false, rows: new Map() };

function sorted(regions) {
  const key = KEYS_OF[table.sort];
  const sign = table.isDescending ? -1 : 1;
  const order = (a, b) => {
    const [x, y] = [key(a), key(b)];
    if (x === y) return a.from - b.from;
    return sign * (typeof x === "string" ? x.localeCompare(y, "en", { numeric: true }) : x - y);
  };
  return regions.sort(order);
}

function showRegions() {
  const wanted = $("filter").value.toLowerCase();
  const fits = ({ name, start, end }) =>
    !wanted || name.toLowerCase().includes(wanted) || start.includes(wanted) || end.includes(wanted);
  const found = state.regions.filter(fits);
  const clients = sorted(found.filter((region) => !region.system));
  const image = sorted(found.filter((region) => region.system));
  const shown = clients.slice(0, table.shown);
  // The selected region is always there.
  const selected = view.selected && clients.indexOf(known(view.selected));
  if (selected >= table.shown) shown.unshift(clients[selected]);
  const isUnfolded = table.isUnfolded || (view.selected !== null && known(view.selected)?.system);
  showSums(clients.length, found.length, shown.length, wanted);
  showFold(image, isUnfolded);
  fill($("regions-clients"), shown);
  fill($("regions-image"), isUnfolded ? image : []);
  showSort();
}

function showSums(clients, found, shown, wanted) {
  const { vmalloc } = state.stats.counters;
  const all = vmalloc.areas + vmalloc.areas_system + vmalloc.areas_lazy;
  const parts = [`${count(wanted ? found : clients)} ${wanted ? "match" : "of clients"}`];
  if (state.regions.length !== all) parts.push(`${count(state.regions.length)} of ${count(all)} are loaded`);
  if (shown < clients) parts.push(`${count(shown)} are shown`);
  put($("regions-sum"), parts.join(", "));
  $("more").hidden = shown >= clients;
  put($("more"), `Show ${SHOWN_STEP} more`);
}

function showFold(image, isUnfolded) {
  const bytes = image.reduce((sum, region) => sum + region.pages, 0) * state.stats.page_bytes;
  $("fold-row").hidden = !image.length;
  $("fold").setAttribute("aria-expanded", String(isUnfolded));
  put($("fold"), `${isUnfolded ? "▾" : "▸"} the image's own: ${image.length} regions, ${size(bytes)}`);
}

function showSort() {
  for (const head of $("regions").tHead.rows[0].cells) {
    const button = head.querySelector("button");
    if (!button) continue;
    const isSorted = button.dataset.sort === table.sort;
    const order = table.isDescending ? "descending" : "ascending";
    if (isSorted) head.setAttribute("aria-sort", order);
    else head.removeAttribute("aria-sort");
  }
}

// Makes a body show regions in order. Rows that stay are not touched but where a text differs, so
// that selections survive.
function fill(body, regions) {
  const keys = new Set(regions.map((region) => region.key));
  for (const row of [...body.rows]) {
    if (keys.has(row.dataset.key)) continue;
    table.rows.delete(row.dataset.key);
    row.remove();
  }
  let next = body.firstElementChild;
  for (const region of regions) {
    const row = table.rows.get(region.key) ?? makeRow(region.key);
    update(row, region);
    if (row === next) next = next.nextElementSibling;
    else body.insertBefore(row, next);
  }
}

function makeRow(key) {
  const row = el("tr");
  row.dataset.key = key;
  row.tabIndex = -1;
  row.append(...COLUMNS.map(([, , className]) => el("td", undefined, className)));
  table.rows.set(key, row);
  return row;
}

function update(row, region) {
  COLUMNS.forEach(([, text], at) => put(row.children[at], text(region)));
  const isSelected = region.key === view.selected;
  const className = region.state === "lazy" ? "lazy" : region.system ? "system" : "";
  if (row.className !== className) row.className = className;
  row.setAttribute("aria-selected", String(isSelected));
}

// One row is in the order of the Tab key: the selected one, or the first.
function noteTabStop() {
  const rows = [...$("regions").querySelectorAll("tbody tr[data-key]")];
  const stop = rows.find((row) => row.dataset.key === view.selected) ?? rows[0];
  for (const row of rows) {
    const index = row === stop ? 0 : -1;
    if (row.tabIndex !== index) row.tabIndex = index;
  }
}

function select(row) {
  const region = known(row.dataset.key);
  if (!region) return;
  showRegion(region);
  showRegions();
  noteTabStop();
}

// Scrolls the table, and not the page, to a row.
function revealRow(key) {
  const row = table.rows.get(key);
  if (!row) return;
  const box = $("regions-scroll");
  const head = $("regions").tHead.offsetHeight;
  const top = row.offsetTop - head;
  if (top < box.scrollTop) box.scrollTop = top;
  if (row.offsetTop + row.offsetHeight > box.scrollTop + box.clientHeight) {
    box.scrollTop = row.offsetTop + row.offsetHeight - box.clientHeight;
  }
  noteTabStop();
}

function clickRow(event) {
  const row = event.target.closest("tr[data-key]");
  // A click that ends the selection of a text selects no region.
  if (row && getSelection().isCollapsed) select(row);
}

function rowKey(event) {
  const row = event.target.closest("tr[data-key]");
  if (!row) return;
  const rows = [...$("regions").querySelectorAll("tbody tr[data-key]")];
  const at = rows.indexOf(row);
  const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: rows.length - 1 }[event.key];
  if (event.key === "Enter" || event.key === " ") select(row);
  else if (to !== undefined) rows[to]?.focus();
  else return;
  event.preventDefault();
}

function sortBy(column) {
  table.isDescending = table.sort === column && !table.isDescending;
  table.sort = column;
  showRegions();
}

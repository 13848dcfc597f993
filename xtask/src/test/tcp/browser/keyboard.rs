//! Uses the page by keys alone, in the way that `docs/page.md` describes.

use anyhow::ensure;

use super::stage::BrowserStage;

/// Maximum number of Tab presses until an element gets the focus.
const TABS: usize = 40;

const FOCUS: &str = "const { id, tagName } = document.activeElement; return id || tagName";
/// A script that returns the key of the selected row and whether that row is visible.
const SELECTED: &str = "const rows = document.querySelectorAll('[aria-selected=true]'); \
    if (rows.length !== 1) return ''; \
    const [row, box] = [rows[0], document.getElementById('regions-scroll')] \
        .map((element) => element.getBoundingClientRect()); \
    return row.top >= box.top && row.bottom <= box.bottom + 1 ? rows[0].dataset.key : 'out of sight'";
const FOCUSED_ROW: &str = "return document.activeElement.dataset.key ?? ''";
/// A script that returns whether the map shows the whole selected region.
const IS_ON_MAP: &str = "const { first, line, lines } = scale(); const region = known(view.selected); \
    return region.from >= first && region.to <= first + line * lines";

pub(super) fn run(stage: &BrowserStage<'_>) -> anyhow::Result<()> {
    stage.browser.run("zoomAll(); scrollTo(0, 0); document.activeElement.blur()")?;
    focus(stage, |stage| Ok(stage.text(FOCUS)? == "map"))?;

    // Uses the arrow keys, Home and End.
    let first = stage.text_of("pointed")?;
    stage.press(&["ArrowDown", "ArrowRight", "ArrowRight"])?;
    let moved = stage.text_of("pointed")?;
    ensure!(
        moved != first && moved.starts_with("0x"),
        "the arrows do not move the selection: {moved:?}"
    );
    stage.press(&["ArrowLeft", "ArrowLeft", "ArrowUp"])?;
    ensure!(stage.text_of("pointed")? == first, "the arrows do not lead back");
    stage.press(&["End"])?;
    ensure!(stage.text_of("pointed")? != first, "End does not move the selection");
    stage.press(&["Home"])?;
    ensure!(stage.text_of("pointed")? == first, "Home does not lead back");

    // Zooms in to the last level, zooms out and back, and shows the whole map.
    let all = loaded(stage)?;
    let mut scales = vec![all.clone()];
    while !stage.text_of("scale")?.ends_with("a cell 4 KiB") {
        ensure!(scales.len() < 10, "no end of zooming: {scales:?}");
        stage.press(&["ArrowDown", "+"])?;
        let scale = loaded(stage)?;
        ensure!(!scales.contains(&scale), "+ does not zoom: {scale}");
        scales.push(scale);
    }
    ensure!(scales.len() > 2, "one level of zoom only: {scales:?}");
    let deepest = scales.pop().unwrap_or_default();
    stage.press(&["Backspace"])?;
    ensure!(scales.last() == Some(&loaded(stage)?), "Backspace does not lead back");
    stage.press(&["-"])?;
    let outer = loaded(stage)?;
    ensure!(outer != deepest && scales.last() != Some(&outer), "- does not zoom: {outer}");
    stage.press(&["Escape"])?;
    ensure!(loaded(stage)? == all, "Escape does not show everything");

    // Selects a region of the map, which also selects its row in the table.
    let mut steps = 0;
    while !stage.text_of("pointed")?.contains("of clients") {
        steps += 1;
        ensure!(steps < 500, "no cell of a client");
        stage.press(&["ArrowRight"])?;
    }
    stage.press(&["Enter"])?;
    stage.wait("a selected row", || Ok(!stage.text(SELECTED)?.is_empty()))?;
    let selected = stage.text(SELECTED)?;
    ensure!(selected != "out of sight", "the selected row cannot be seen");
    stage.keep("selected")?;

    // Shows the region of a row on the map.
    focus(stage, |stage| Ok(!stage.text(FOCUSED_ROW)?.is_empty()))?;
    ensure!(stage.text(FOCUSED_ROW)? == selected, "the focus is not in the selected row");
    stage.press(&["ArrowDown", "ArrowDown", "ArrowUp"])?;
    let row = stage.text(FOCUSED_ROW)?;
    ensure!(!row.is_empty() && row != selected, "the arrows do not move between rows");
    stage.press(&["Enter"])?;
    ensure!(stage.text(SELECTED)? == row, "Enter selects another row");
    ensure!(stage.is(IS_ON_MAP)?, "the map does not show the region");
    stage.browser.run("zoomAll()")?;

    // Sorts the table by a heading. A second press reverses the order.
    stage.browser.run("document.querySelector('[data-sort=pages]').focus()")?;
    for order in ["ascending", "descending"] {
        stage.press(&["Enter"])?;
        let script = "return document.querySelector('[aria-sort]').getAttribute('aria-sort')";
        ensure!(stage.text(script)? == order, "the pages are not sorted {order}");
    }
    let sizes = "const cells = document.querySelectorAll('#regions-clients tr td:nth-child(5)'); \
        const pages = Array.from(cells, (cell) => Number(cell.textContent.replace(/,/g, ''))).slice(1); \
        return pages.every((number, at) => at === 0 || number <= pages[at - 1])";
    ensure!(stage.is(sizes)?, "the rows are in no order");
    stage.browser.run("sortBy('start')")?;
    Ok(())
}

/// Presses Tab until the wanted element has the focus.
fn focus(
    stage: &BrowserStage<'_>,
    has_it: impl Fn(&BrowserStage<'_>) -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    for _ in 0..TABS {
        if has_it(stage)? {
            return Ok(());
        }
        stage.press(&["Tab"])?;
    }
    anyhow::bail!("{TABS} presses of Tab lead to {}", stage.text(FOCUS)?)
}

/// Returns the view of the map once it is loaded: the first offset and the number of bytes in a line, or null
/// for the whole map.
fn loaded(stage: &BrowserStage<'_>) -> anyhow::Result<String> {
    let is_loaded = || Ok(!stage.text_of("scale")?.ends_with("; loading"));
    stage.wait("the answer for a view", is_loaded)?;
    stage.text("return JSON.stringify(view.now)")
}

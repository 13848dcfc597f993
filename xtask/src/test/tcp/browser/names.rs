//! Tests names that clients choose. The page must show them as text, and only while their regions live.

use anyhow::ensure;

use super::stage::{BrowserStage, POINTS};

/// A name that is HTML code. The next constant is the name of a region that is freed.
const TAG: &str = "<img/src=x>";
const GONE: &str = "soon-gone";

const NAMES: &str = "return Array.from(document.querySelectorAll('#regions td.name'), \
                     (cell) => cell.textContent)";
/// A script that counts the elements that a name has created, and all images.
const ELEMENTS: &str =
    "return document.querySelectorAll('td.name *').length + document.images.length";
/// A script that counts the different colours of the map.
const COLORS: &str = "return new Set(points_of(document.getElementById('map'))).size";

pub(super) fn run(stage: &BrowserStage<'_>) -> anyhow::Result<()> {
    for number in 1..=40 {
        stage.call(&format!("VMALLOC {}K NAME region-{number}", number * 8))?;
    }
    stage.wait_until_live()?;
    for name in [TAG, GONE] {
        stage.call(&format!("VMALLOC 300K NAME {name}"))?;
    }
    stage.wait("both names", || Ok(shows(stage, TAG)? && shows(stage, GONE)?))?;
    let colors = stage.number(&format!("{POINTS}{COLORS}"))?;
    // Free space, the image's own regions with their pattern, regions of clients and guard pages.
    ensure!(colors >= 5, "the map has {colors} colours");
    let elements = stage.number(ELEMENTS)?;
    ensure!(elements == 0, "{elements} elements out of names");
    stage.call(&format!("VFREE @{GONE}"))?;
    stage.wait("a name to go", || Ok(!shows(stage, GONE)?))?;
    ensure!(shows(stage, TAG)?, "the other name is missing too");
    // The image's own regions are collapsed into one row.
    ensure!(!shows(stage, "heap")?, "the image's own regions are not folded");
    stage.browser.run("document.getElementById('fold').click()")?;
    stage.wait("the image's own regions", || shows(stage, "heap"))?;
    stage.browser.run("document.getElementById('fold').click()")?;
    stage.keep("few")
}

/// Returns whether a row has exactly this name.
fn shows(stage: &BrowserStage<'_>, name: &str) -> anyhow::Result<bool> {
    let names = stage.browser.run(NAMES)?;
    Ok(names.as_array().is_some_and(|names| names.iter().any(|cell| cell == name)))
}

//! Tests the page with 20,000 regions. The map must be complete, and parts that are not loaded must not look
//! free.

use anyhow::{Context, ensure};

use super::stage::{BrowserStage, POINTS};
use crate::test::reports;

/// Number of regions without a name, which are allocated in batches of [`BATCH`].
const REGIONS: u64 = 20_000;
const BATCH: u64 = 1000;
/// Number of regions of each batch that are freed again, so that the map has gaps.
const FREED: usize = 100;

/// A script that sums over all cells of the map: the regions, and the pages of clients.
const SUMS: &str = "return (currentMap()?.buckets ?? []).reduce(([regions, clients], sums) => \
    sums ? [regions + sums[3], clients + sums[0]] : [regions, clients], [0, 0])";
/// A script that zooms in, and returns the free points of the map and its scale before the answer can arrive.
const UNLOADED: &str = "zoomIn(); \
    const points = points_of(document.getElementById('map')); \
    const probe = document.createElement('canvas'); \
    const pen = probe.getContext('2d'); \
    pen.fillStyle = color('free'); pen.fillRect(0, 0, 1, 1); \
    const free = points_of(probe)[0]; \
    const count = points.filter((point) => point === free).length; \
    return [count, document.getElementById('scale').textContent]";

pub(super) fn run(stage: &BrowserStage<'_>) -> anyhow::Result<()> {
    let mut regions = stage.counter("areas")?;
    for batch in 0..REGIONS / BATCH {
        let bytes = 4096 * (1 + batch % 3);
        let ids = reports::array(stage.call(&format!("VMALLOCN {BATCH} {bytes}"))?)?;
        let ids: Vec<u64> = ids.into_iter().map(reports::integer).collect::<Result<_, _>>()?;
        let first = ids.len() / 2;
        let freed = ids.get(first..first + FREED).context("a batch is too small")?;
        reports::free(&mut stage.client.borrow_mut(), freed)?;
        regions += BATCH - FREED as u64;
    }
    // The planned number of live regions.
    let rest = REGIONS / BATCH * FREED as u64;
    for _ in 0..rest / BATCH {
        stage.call(&format!("VMALLOCN {BATCH} 16384"))?;
        regions += BATCH;
    }
    stage.wait("every region on the map", || {
        let sums = stage.browser.run(SUMS)?;
        // The page also shows the regions of the image, so their number is added.
        let image = stage.number("return state.stats.counters.vmalloc.areas_system")?;
        Ok(sums[0].as_u64() == Some(regions + image))
    })?;
    let listed = format!("{} of clients", thousands(regions));
    stage.wait("every region in the listing", || {
        Ok(stage.text_of("regions-sum")?.starts_with(&listed))
    })?;
    let unloaded = stage.browser.run(&format!("{POINTS}{UNLOADED}"))?;
    ensure!(unloaded[0] == 0, "{} points of an empty map look free", unloaded[0]);
    let says_so = unloaded[1].as_str().is_some_and(|scale| scale.ends_with("; loading"));
    ensure!(says_so, "the map does not show that it loads: {}", unloaded[1]);
    stage.wait("the answer", || Ok(!stage.text_of("scale")?.ends_with("; loading")))?;
    stage.browser.run("zoomAll()")?;
    stage.wait("the whole map", || Ok(!stage.text_of("scale")?.ends_with("; loading")))?;
    // One viewer must need only few connections.
    let connections = stage.counter("http_clients")?;
    ensure!(connections <= 6, "one page holds {connections} connections");
    Ok(())
}

fn thousands(number: u64) -> String {
    format!("{},{:03}", number / 1000, number % 1000)
}

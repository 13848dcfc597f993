//! Tests when freed regions are flushed from the TLBs.

use std::time::{Duration, Instant};

use anyhow::ensure;

use super::subject::Subject;
use crate::resp::{Client, encode};
use crate::test::reports;

/// Maximum time until an idle image has purged. It normally purges within 10 ms, but the host may be busy.
const REST_LIMIT: Duration = Duration::from_secs(10);

/// The kernel command line for [`eager`].
pub(super) const EAGER: &str = "vm.flush=eager vm.frames=linux vm.realloc=copy vm.pools=off";

/// Freed areas must be lazy, must be listed with their names, and must be flushed when the image is idle.
pub(super) fn at_rest(subject: &Subject) -> anyhow::Result<()> {
    let mut client = subject.connect()?;
    reports::purge(&mut client)?;
    let start = reports::allocated(client.call(&["VMALLOC", "8192", "NAME", "a"])?)?.start;
    // Both requests are sent in one packet, so that the image does not become idle between them.
    let probe = format!("{start:#x}");
    let mut requests = encode(&["VFREE", "@a"]);
    requests.extend(encode(&["VMALLOCINFO"]));
    requests.extend(encode(&["VPROBE", &probe, "r"]));
    requests.extend(encode(&["VCHECK"]));
    client.send(&requests)?;
    ensure!(reports::integer(client.receive()?)? == 1, "a was not freed");
    let report = reports::text(client.receive()?)?;
    let row = format!("{start:#018x}-{:#018x}   12288 unpurged vm_area", start + 12288);
    ensure!(report.lines().any(|line| line == row), "no {row} in\n{report}");
    let probe = reports::text(client.receive()?)?;
    ensure!(probe.starts_with("fault lazy region="), "VPROBE answers {probe}");
    let audit = reports::text(client.receive()?)?;
    ensure!(audit.starts_with("OK areas=0 lazy=1 "), "VCHECK answers {audit}");

    let deadline = Instant::now() + REST_LIMIT;
    while reports::stat(&mut client, "areas_lazy")? > 0 {
        ensure!(Instant::now() < deadline, "an image at rest does not purge");
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// The library must use the settings of the kernel command line.
pub(super) fn eager(subject: &Subject) -> anyhow::Result<()> {
    const FREES: u64 = 20;
    let mut client = subject.connect()?;
    let shown = reports::array(client.call(&["CONFIG", "GET", "vm.*"])?)?;
    let shown: Vec<String> = shown.into_iter().map(reports::text).collect::<Result<_, _>>()?;
    let shown: Vec<String> = shown.chunks(2).map(|pair| pair.join("=")).collect();
    ensure!(shown.join(" ") == EAGER, "CONFIG GET shows {}", shown.join(" "));
    let before = stats(&mut client)?;
    let mut requests = Vec::new();
    for _ in 0..FREES {
        requests.extend(encode(&["VMALLOC", "4096", "NAME", "a"]));
        requests.extend(encode(&["VFREE", "@a"]));
    }
    client.send(&requests)?;
    for _ in 0..FREES {
        reports::allocated(client.receive()?)?;
        ensure!(reports::integer(client.receive()?)? == 1, "a was not freed");
    }
    let after = stats(&mut client)?;
    let flushes = after[0] - before[0];
    ensure!(flushes >= FREES, "{flushes} flushes for {FREES} frees");
    ensure!(after[1..] == [0, 0], "lazy areas and pooled pages {:?}", &after[1..]);
    Ok(())
}

fn stats(client: &mut Client) -> anyhow::Result<[u64; 3]> {
    Ok([
        reports::stat(client, "shootdowns_eager")?,
        reports::stat(client, "areas_lazy")?,
        reports::stat(client, "pages_pooled")?,
    ])
}

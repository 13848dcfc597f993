//! Tests an image with two CPUs: the AP does long-running work while the BSP serves requests.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::subject::Subject;
use crate::resp::encode;
use crate::test::reports;

/// Maximum time of a wait on a busy host.
const LIMIT: Duration = Duration::from_secs(20);
/// A size over 16 MiB. The AP allocates, zeroes and frees regions of this size.
const LARGE: &str = "64M";

/// Long-running work must be done by the AP, and other clients must be served during it.
pub(super) fn long_work(subject: &Subject) -> anyhow::Result<()> {
    let (mut one, mut other) = (subject.connect()?, subject.connect()?);
    let before = reports::stat(&mut one, "errands")?;
    for words in [&["VMALLOC", LARGE, "NAME", "a"][..], &["VCHECK"], &["VFREE", "@a"]] {
        one.send(&encode(words))?;
        let reply = reports::text(other.call(&["ECHO", words[0]])?)?;
        ensure!(reply == words[0], "ECHO answers {reply}");
        let reply = one.receive()?;
        ensure!(!format!("{reply:?}").contains("Error"), "{words:?} answers {reply:?}");
    }
    let submitted = reports::stat(&mut one, "errands")? - before;
    ensure!(submitted >= 3, "{submitted} operations for three long commands");
    // A client that disconnects during its request must leave no region.
    one.send(&encode(&["VMALLOC", LARGE]))?;
    drop(one);
    let deadline = Instant::now() + LIMIT;
    while reports::check(&mut other)?.number("areas")? > 0 {
        ensure!(Instant::now() < deadline, "the region of an ended client is not freed");
        std::thread::sleep(Duration::from_millis(20));
    }
    while reports::stat(&mut other, "frames_zeroed")? < 1000 {
        ensure!(Instant::now() < deadline, "no frames are cleared ahead of time");
        std::thread::sleep(Duration::from_millis(20));
    }
    let hits = reports::stat(&mut other, "zeroed_hits")?;
    reports::allocated(other.call(&["VMALLOC", "40K", "NAME", "b"])?)?;
    let hits = reports::stat(&mut other, "zeroed_hits")? - hits;
    ensure!(hits == 10, "{hits} of 10 frames were cleared before");
    Ok(())
}

/// The AP must report a server loop that does not finish its turn.
pub(super) fn watchdog(subject: &Subject) -> anyhow::Result<()> {
    let mut client = subject.connect()?;
    let words = ["VBENCH", "pair_test", "CPUS", "1", "LOOPS", "100000000", "MS", "4000"];
    reports::text(client.call(&words)?)?;
    let serial = subject.console();
    let line = serial.lines().find(|line| line.starts_with("WARN watchdog: "));
    let line = line.context("no word of a loop that stood for four seconds")?;
    ensure!(line.ends_with("last seen at Serve"), "{line}");
    let long = reports::stat(&mut client, "turns_long")?;
    ensure!(long > 0, "no long turn was counted");
    Ok(())
}

//! Abuses the service with many clients, while one client works normally.
//!
//! Abuse byte by byte, and with sockets that never answer, is also tested without QEMU, by `cuts`, `large`,
//! `crowd` and `http/hostile` in `app/tests/loopback`.

mod bystander;
mod flood;
mod loris;
mod phase;
mod pieces;
mod vanish;

use anyhow::{Context, ensure};

use super::subject::Subject;
use crate::process;
use crate::resp::Client;
use crate::test::reports;

pub(super) use flood::damaged;

use bystander::Bystander;
use phase::{LoopTurns, Phase};

/// Enough places for 200 clients and the connections of the test itself.
pub(super) const CLIENTS: &str = "clients=256";

/// Maximum growth of the image's memory during all abuses, in percent.
const GROWTH_PERCENT: u64 = 10;
/// At most one in this number of turns may take longer than 2 ms. A purge of 4096 lazy areas takes that long.
const TURNS_PER_LONG: u64 = 5000;

/// A function that abuses the image.
type Abuse = fn(&Subject) -> anyhow::Result<()>;

/// The abuses, in the order in which they run.
const ABUSES: &[(&str, Abuse)] = &[
    ("every split of a conversation", pieces::splits),
    ("broken requests by 8 at once", pieces::broken),
    ("slow loris on every RESP place", loris::resp),
    ("slow loris on every HTTP place", loris::http),
    ("100,000 reports that no client reads", loris::deaf),
    ("RST in the middle of bulks", vanish::amid_bulks),
    ("200 with 500 regions each, reset at once", vanish::with_regions),
    ("1,000 incomplete handshakes", flood::half_open),
    ("200 that dial at the same instant", flood::dial),
];

/// Runs all abuses against one image.
pub(super) fn run(subject: &Subject) -> anyhow::Result<()> {
    let mut observer = subject.connect()?;
    let before = reports::baseline(&mut observer)?;
    let held = held(&mut observer)?;
    let bystander = Bystander::start(subject.address())?;
    let mut measure = |name, work: &dyn Fn() -> anyhow::Result<()>| {
        let phase = Phase::measure(name, &mut observer, &bystander, work)?;
        process::announce("", &phase.to_string());
        anyhow::Ok(phase.turns)
    };
    let mut calm = measure("idle", &phase::calm)?;
    let mut abused = LoopTurns::default();
    for (name, abuse) in ABUSES {
        abused += measure(name, &|| abuse(subject)).context(*name)?;
    }
    calm += measure("idle again", &phase::calm)?;
    bystander.end()?;
    process::announce("", &format!("abused: {abused}; idle: {calm}"));
    subject.settle(&mut observer, &before)?;
    for ((name, then), (_, now)) in held.into_iter().zip(self::held(&mut observer)?) {
        ensure!(now * 100 <= then * (100 + GROWTH_PERCENT), "{name}: {now}, {then} before");
    }
    let is_fluent = abused.long * TURNS_PER_LONG <= abused.all;
    ensure!(is_fluent, "abused: {abused}; idle: {calm}");
    ensure!(calm.long == 0, "without abuse: {calm}");
    Ok(())
}

/// Returns the numbers of frames of the heap and of the library's metadata.
fn held(observer: &mut Client) -> anyhow::Result<[(&'static str, u64); 2]> {
    let heap = reports::stat(observer, "frames_heap")?;
    Ok([("frames_heap", heap), ("frames_slabs", reports::stat(observer, "frames_slabs")?)])
}

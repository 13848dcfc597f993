//! Clients behind a router: its entry is kept by use.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context;

use super::neighbours;
use crate::test::wire::bed::Bed;
use crate::test::wire::behind::Behind;
use crate::test::wire::dial::Dial;
use crate::test::wire::findings::Findings;
use crate::test::wire::frames::Frames;
use crate::test::wire::pings;
use crate::test::wire::server::{self, Boot, DEVICE};

/// Between two SYNs of absent peers on the link.
const EVERY: Duration = Duration::from_millis(10);
const LIMIT: Duration = Duration::from_secs(30);
const SLOW: Duration = Duration::from_millis(500);

/// One client behind a router, with SYNs of absent peers on the link.
pub(super) fn run(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    bed.serve("behind a router", &Boot::plain(), findings, |_, findings| {
        let behind = Behind::new(&bed.near)?;
        let frames = Frames::open(&bed.near, DEVICE)?;
        let over = AtomicBool::new(false);
        let dial = Dial::PLAIN.within(LIMIT);
        thread::scope(|scope| {
            scope.spawn(|| neighbours::strangers(&frames, EVERY, &over));
            let stream = behind.stream(dial, server::resp()).context("the first client");
            // An entry that use does not confirm ends after a minute.
            let times = stream.map(|stream| pings::run(&[stream], bed.seconds(20, 150)));
            let second = behind.stream(dial, server::resp());
            over.store(true, Ordering::Relaxed);
            let times = times?;
            findings.judge("a client that pings", times.over(SLOW) == 0, times);
            findings.expect("a second client", second.map(|_| "connected").map_err(Into::into));
            Ok(())
        })
    });
    Ok(())
}

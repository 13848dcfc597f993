//! Tests clients behind a router. The server must keep the neighbour entry of the router while it is in use.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context;

use super::neighbours;
use crate::test::wire::bed::Bed;
use crate::test::wire::boot::Boot;
use crate::test::wire::dial::Dial;
use crate::test::wire::findings::Findings;
use crate::test::wire::frames::Frames;
use crate::test::wire::pings::{self, Times};
use crate::test::wire::routed::RoutedNetwork;
use crate::test::wire::topology::{self, DEVICE};

/// The pause between two SYNs from addresses on the link that do not exist.
const EVERY: Duration = Duration::from_millis(10);
const LIMIT: Duration = Duration::from_secs(30);
const SLOW: Duration = Duration::from_millis(500);

/// Number of clients on the link. It is more than a small neighbour cache can hold in addition to the router.
const BESIDE: u8 = 12;

/// Measures a client behind a router, while clients and SYNs from absent addresses are on the link.
pub(super) fn run(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    bed.serve("behind a router", &Boot::plain(), findings, |_, findings| {
        let behind = RoutedNetwork::new(&bed.near)?;
        let frames = Frames::open(&bed.near, DEVICE)?;
        let over = AtomicBool::new(false);
        let dial = Dial::PLAIN.within(LIMIT);
        thread::scope(|scope| {
            scope.spawn(|| neighbours::strangers(&frames, EVERY, &over));
            // An entry that is not confirmed by its use expires after one minute.
            let time = bed.seconds(20, 150);
            let stream = behind.stream(dial, topology::resp()).context("the first client");
            let beside = scope.spawn(move || beside(bed, time));
            let times = stream.map(|stream| pings::run(&[stream], time));
            let beside = beside.join().unwrap_or_else(|_| anyhow::bail!("a client panicked"));
            let second = behind.stream(dial, topology::resp());
            over.store(true, Ordering::Relaxed);
            let times = times?;
            Findings::note(&format!("{BESIDE} clients on the link: {}", beside?));
            findings.judge("a client that pings", times.over(SLOW) == 0, times);
            findings.expect("a second client", second.map(|_| "connected").map_err(Into::into));
            Ok(())
        })
    });
    Ok(())
}

/// Measures clients on the link.
fn beside(bed: &Bed<'_>, time: Duration) -> anyhow::Result<Times> {
    let mut streams = Vec::new();
    for last in 0..BESIDE {
        let address = Ipv4Addr::new(10, 0, 2, 100 + last);
        bed.add(address)?;
        let dial = Dial::from(address, 0).within(Duration::from_secs(1));
        streams.extend(dial.stream(&bed.near, topology::resp()));
    }
    Ok(pings::run(&streams, time))
}

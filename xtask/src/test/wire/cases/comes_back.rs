//! Tests a client whose machine lost the connection, and which connects again from the same port.

use std::time::{Duration, Instant};

use anyhow::Context;

use crate::resp::Reply;
use crate::test::reports;
use crate::test::wire::bed::Bed;
use crate::test::wire::boot::Boot;
use crate::test::wire::dial::Dial;
use crate::test::wire::findings::Findings;
use crate::test::wire::routed::{CLIENT, RoutedNetwork};
use crate::test::wire::server::patient;
use crate::test::wire::topology;

const PORT: u16 = 42_000;
/// Maximum time of a challenge ACK, the RST of the client's kernel, and its second SYN after one second, on a
/// busy host.
const LIMIT: Duration = Duration::from_secs(4);

/// Removes the client's network without sending a packet, and replaces it by another one.
pub(super) fn run(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    bed.serve("a client that reconnects", &Boot::plain(), findings, |server, findings| {
        let is_image = server.is_image();
        let behind = RoutedNetwork::new(&bed.near)?;
        let dial = Dial::from(CLIENT, PORT);
        let mut client = behind.client(dial, topology::resp())?;
        if is_image {
            reports::allocated(client.call(&["VMALLOC", "4096"])?)?;
        }
        // The cable is removed first, so that the FIN of the kernel is lost.
        bed.near.ip("link del c0")?;
        drop(client);
        drop(behind);
        let behind = RoutedNetwork::new(&bed.near)?;
        let start = Instant::now();
        let again = behind.client(dial.within(Duration::from_secs(60)), topology::resp());
        let took = start.elapsed();
        let mut again = again.context("connecting again")?;
        let reply = again.call(&["PING"])?;
        let seen = format!("after {:.2} s, {}", took.as_secs_f64(), reply.terminal().trim_end());
        let is_right = took < LIMIT && reply == Reply::Status("PONG".to_owned());
        findings.judge("served from the same port", is_right, seen);
        if is_image {
            let mut observer = patient(&bed.near, topology::resp())?;
            let regions = reports::stat(&mut observer, "regions")?;
            findings.judge("its old region is freed", regions == 0, format!("{regions} regions"));
        }
        Ok(())
    });
    Ok(())
}

//! Tests a DHCP server that starts late.

use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use super::server::{Lease, REQUEST, Script};
use super::steps::{FALLBACK, lease, routed, until, wide};
use crate::test::wire::bed::Bed;
use crate::test::wire::findings::Findings;
use crate::test::wire::topology::{GUEST, HOST};

/// Starts the server after the image has taken its fallback address.
pub(crate) fn run(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    let wide_lease: Script = |_, _| {
        let mask = Some(Ipv4Addr::new(255, 255, 0, 0));
        Some(Lease { mask, router: Some(Ipv4Addr::new(10, 0, 2, 4)), ..Lease::USUAL })
    };
    let claim = "the fallback address is leased with another mask and router";
    lease(bed, findings, claim, FALLBACK, wide_lease, |_, dhcp| {
        until(|| dhcp.seen().contains(&REQUEST))?;
        wide(bed)?;
        routed(bed, GUEST, Ipv4Addr::new(10, 0, 2, 4))
    });
    let routerless: Script = |_, _| Some(Lease { router: None, ..Lease::USUAL });
    let claim = "the fallback address is leased without a router: no route is left";
    lease(bed, findings, claim, FALLBACK, routerless, |_, dhcp| {
        until(|| dhcp.seen().contains(&REQUEST))?;
        thread::sleep(Duration::from_secs(1));
        match routed(bed, GUEST, HOST) {
            Ok(seen) => anyhow::bail!("{seen}"),
            Err(_) => Ok("no answer leaves the network".to_owned()),
        }
    });
    Ok(())
}

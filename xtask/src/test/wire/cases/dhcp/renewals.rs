//! Tests renewals whose lease differs from the first lease.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use runtime_config::ports;

use super::server::{DISCOVER, Lease, REQUEST, Script};
use super::steps::{OTHER, RENEWED, lease, routed, wide};
use crate::test::wire::bed::Bed;
use crate::test::wire::findings::Findings;
use crate::test::wire::server::patient;
use crate::test::wire::topology::{self, GUEST};

/// Runs a case for each difference.
pub(crate) fn run(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    let now = Duration::ZERO;
    lease(
        bed,
        findings,
        "the router of a lease is used",
        now,
        |_, _| Some(Lease::USUAL),
        |_, _| {
            patient(&bed.near, topology::resp())?;
            routed(bed, GUEST, Ipv4Addr::new(10, 0, 2, 3))
        },
    );
    let router: Script = |kind, count| {
        let last = if kind == REQUEST && count > 1 { 4 } else { 3 };
        Some(Lease { router: Some(Ipv4Addr::new(10, 0, 2, last)), ..Lease::USUAL })
    };
    lease(bed, findings, "a renewal with another router", now, router, |_, _| {
        let mut client = patient(&bed.near, topology::resp())?;
        thread::sleep(RENEWED);
        let seen = routed(bed, GUEST, Ipv4Addr::new(10, 0, 2, 4))?;
        client.call(&["PING"]).context("the open connection")?;
        Ok(seen)
    });
    let mask: Script = |kind, count| {
        let third = if kind == REQUEST && count > 1 { 0 } else { 255 };
        Some(Lease { mask: Some(Ipv4Addr::new(255, 255, third, 0)), ..Lease::USUAL })
    };
    lease(bed, findings, "a renewal with another mask", now, mask, |_, _| {
        patient(&bed.near, topology::resp())?;
        thread::sleep(RENEWED);
        wide(bed)
    });
    let moved: Script = |kind, count| {
        let is_first = count == 1 && matches!(kind, DISCOVER | REQUEST);
        Some(Lease { address: if is_first { GUEST } else { OTHER }, ..Lease::USUAL })
    };
    lease(bed, findings, "a renewal with another address", now, moved, |_, _| {
        patient(&bed.near, topology::resp())?;
        thread::sleep(RENEWED);
        patient(&bed.near, SocketAddrV4::new(OTHER, ports::RESP)).map(|_| "served there".to_owned())
    });
    let bare: Script = |kind, count| {
        let is_first = kind == DISCOVER || count == 1;
        let (mask, router) = (Lease::USUAL.mask, Lease::USUAL.router);
        let (mask, router) = if is_first { (mask, router) } else { (None, None) };
        Some(Lease { mask, router, ..Lease::USUAL })
    };
    lease(bed, findings, "a renewal without mask and router changes neither", now, bare, |_, _| {
        patient(&bed.near, topology::resp())?;
        thread::sleep(RENEWED);
        patient(&bed.near, topology::resp())?;
        routed(bed, GUEST, Ipv4Addr::new(10, 0, 2, 3))
    });
    Ok(())
}

//! Tests leases that no machine can use.

use std::thread;
use std::time::Duration;

use anyhow::ensure;

use super::server::{Lease, Script};
use super::steps::{OUTSIDE, lease, seconds, syn};
use crate::test::reports;
use crate::test::wire::bed::Bed;
use crate::test::wire::findings::Findings;
use crate::test::wire::frames::Frames;
use crate::test::wire::server::patient;
use crate::test::wire::topology::{self, DEVICE, GUEST};

/// The image must not take such a lease. It must continue with its fallback address.
pub(crate) fn run(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    const CASES: &[(&str, Script)] = &[
        ("router 0.0.0.0", |_, _| router([0, 0, 0, 0])),
        ("router 255.255.255.255", |_, _| router([255, 255, 255, 255])),
        ("router 224.0.0.1", |_, _| router([224, 0, 0, 1])),
        ("address 255.255.255.255", |_, _| address([255, 255, 255, 255])),
        ("address 224.0.0.9", |_, _| address([224, 0, 0, 9])),
        ("address 0.0.0.0", |_, _| address([0, 0, 0, 0])),
        ("address 127.0.0.1", |_, _| address([127, 0, 0, 1])),
        ("mask 255.0.255.0", |_, _| mask([255, 0, 255, 0])),
        ("mask 0.0.0.0", |_, _| mask([0, 0, 0, 0])),
        ("a lease of 0 s", |_, _| seconds(0, Some((0, 0)))),
        ("a lease of 1 s", |_, _| seconds(1, None)),
        ("a lease for ever", |_, _| seconds(u32::MAX, Some((u32::MAX, u32::MAX)))),
    ];
    for &(claim, script) in CASES {
        lease(bed, findings, claim, Duration::ZERO, script, |_, _| {
            thread::sleep(Duration::from_secs(3));
            let frames = Frames::open(&bed.near, DEVICE)?;
            frames.send(&syn(OUTSIDE, GUEST, [2, 0, 0, 0, 0, 1], 5)?)?;
            thread::sleep(Duration::from_secs(2));
            let mut client = patient(&bed.near, topology::resp())?;
            let refused = reports::stat(&mut client, "dropped_dhcp").unwrap_or_default();
            // An offer of an address that no machine can have is dropped, and counted.
            ensure!(refused > 0 || !claim.starts_with("address"), "served, but dropped_dhcp is 0");
            Ok(format!("served at the fallback address, dropped_dhcp {refused}"))
        });
    }
    Ok(())
}

fn router(octets: [u8; 4]) -> Option<Lease> {
    Some(Lease { router: Some(octets.into()), ..Lease::USUAL })
}

fn address(octets: [u8; 4]) -> Option<Lease> {
    Some(Lease { address: octets.into(), ..Lease::USUAL })
}

fn mask(octets: [u8; 4]) -> Option<Lease> {
    Some(Lease { mask: Some(octets.into()), ..Lease::USUAL })
}

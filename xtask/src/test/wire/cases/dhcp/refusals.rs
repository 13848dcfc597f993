//! Tests DHCP servers that refuse requests, and leases that end immediately.

use std::net::SocketAddrV4;
use std::thread;
use std::time::Duration;

use anyhow::ensure;
use runtime_config::ports;

use super::server::{Lease, REQUEST, Script};
use super::steps::{OTHER, RENEWED, lease, seconds};
use crate::test::wire::bed::Bed;
use crate::test::wire::dial::Dial;
use crate::test::wire::findings::Findings;
use crate::test::wire::server::patient;

/// Tests a server that refuses a renewal, and servers whose behaviour could cause many packets.
pub(crate) fn run(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    // The leased address differs from the fallback address, to which the image may return.
    let nak_later: Script = |kind, count| {
        Some(Lease { address: OTHER, is_nak: kind == REQUEST && count > 1, ..Lease::USUAL })
    };
    lease(bed, findings, "a NAK ends the use of the address", Duration::ZERO, nak_later, |_, _| {
        let at = SocketAddrV4::new(OTHER, ports::RESP);
        patient(&bed.near, at)?;
        thread::sleep(RENEWED + Duration::from_secs(1));
        let again = Dial::PLAIN.within(Duration::from_secs(2)).client(&bed.near, at);
        ensure!(again.is_err(), "the address is still served");
        Ok("not served".to_owned())
    });
    storms(bed, findings)
}

/// The image must send few messages and log few lines, regardless of the behaviour of the server.
fn storms(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    const STORMS: &[(&str, u64, Script)] = &[
        ("NAK to every request", 10, |kind, _| {
            Some(Lease { is_nak: kind == REQUEST, ..Lease::USUAL })
        }),
        ("NAK after the first lease", 16, |kind, count| {
            Some(Lease { is_nak: kind == REQUEST && count > 1, ..Lease::USUAL })
        }),
        ("leases of 0 s", 10, |_, _| seconds(0, Some((0, 0)))),
        ("leases of 0 s without times", 10, |_, _| seconds(0, None)),
        ("leases of 1 s", 10, |_, _| seconds(1, None)),
        ("leases without a mask", 10, |_, _| Some(Lease { mask: None, ..Lease::USUAL })),
    ];
    for &(claim, time, script) in STORMS {
        let claim = format!("{claim}: about 2 messages a second at most and less than 4 KB of log");
        lease(bed, findings, &claim, Duration::ZERO, script, |server, dhcp| {
            server.wait_for("serving after")?;
            let before = dhcp.seen().len();
            thread::sleep(Duration::from_secs(time));
            let messages = dhcp.seen().len() - before;
            let log = server.console().len();
            let seen = format!("{messages} messages, {log} bytes of log in {time} s");
            ensure!(messages < usize::try_from(2 * time + 6)? && log < 4000, "{seen}");
            Ok(seen)
        });
    }
    Ok(())
}

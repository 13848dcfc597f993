//! Tests addresses that no machine can have: as the server's own address, as its router, and as senders (RFC
//! 1122 section 3.2.1.3).

use std::net::Ipv4Addr;
use std::time::Duration;

use etherparse::TcpHeader;
use runtime_config::ports;

use crate::test::wire::bed::Bed;
use crate::test::wire::boot::Boot;
use crate::test::wire::findings::Findings;
use crate::test::wire::frames::{Frames, GUEST_MAC};
use crate::test::wire::packet::{Arp, BROADCAST, Ends, Mac};
use crate::test::wire::server::{Server, patient};
use crate::test::wire::topology::{self, DEVICE, GUEST, HOST, HOST_MAC};

const STRANGER: Mac = [2, 0, 0, 0, 0, 0x99];
/// The address of a host outside all networks of the case.
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// Addresses of a router, and whether the image must warn that no machine can have the address.
const ROUTERS: &[(&str, bool)] = &[
    ("0.0.0.0", true),
    ("255.255.255.255", true),
    ("224.0.0.1", true),
    ("10.0.2.255", true),
    ("10.0.2.0", true),
    ("10.0.2.15", true),
    ("127.0.0.1", true),
    ("240.0.0.1", true),
    ("172.16.0.1", false),
];
/// Addresses of the server, and whether the image must warn.
const OWN: &[(&str, bool)] = &[
    ("0.0.0.0/24", true),
    ("255.255.255.255/32", true),
    ("224.0.0.5/24", true),
    ("10.0.2.255/24", true),
    ("10.0.2.0/24", true),
    ("127.0.0.1/8", true),
    ("10.0.2.15/32", false),
    ("10.0.2.15/31", false),
    ("10.0.2.15/1", false),
    ("10.0.2.15/32,10.0.2.2", false),
];
const SENDERS: &[[u8; 4]] = &[
    [0, 0, 0, 0],
    [255, 255, 255, 255],
    [224, 0, 0, 1],
    [127, 0, 0, 1],
    [10, 0, 2, 255],
    [10, 0, 2, 0],
    [10, 0, 2, 15],
    [240, 0, 0, 1],
    [0, 0, 0, 1],
];
const STATIONS: &[Mac] = &[BROADCAST, [1, 0, 0x5e, 0, 0, 1], [0; 6], GUEST_MAC];
/// The time for which the server is observed.
const WATCH: Duration = Duration::from_secs(1);

/// Tests invalid routers and own addresses on the command line. The image must continue.
pub(super) fn words(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    for &(router, must_warn) in ROUTERS {
        let claim = format!("router {router}");
        let boot = Boot::plain().address(&format!("ip={GUEST}/24,{router}"));
        bed.serve(&claim, &boot, findings, |server, findings| {
            let pong = patient(&bed.near, topology::resp()).map(|_| "served");
            findings.expect(&format!("{claim}: the own network is served"), pong);
            warned(findings, &claim, server, must_warn);
            let frames = Frames::open(&bed.near, DEVICE)?;
            frames.send(&syn(OUTSIDE, GUEST, STRANGER, GUEST_MAC)?)?;
            std::thread::sleep(WATCH);
            alive(bed, findings, &format!("{claim}: a SYN from outside"), server)
        });
    }
    for &(own, must_warn) in OWN {
        let claim = format!("ip={own}");
        bed.serve(&claim, &Boot::plain().address(&claim), findings, |server, findings| {
            server.wait_for("serving after")?;
            let frames = Frames::open(&bed.near, DEVICE)?;
            let address = own.split('/').next().unwrap_or_default().parse()?;
            frames.send(&syn(OUTSIDE, address, STRANGER, GUEST_MAC)?)?;
            frames.send(&syn(HOST, address, HOST_MAC, GUEST_MAC)?)?;
            std::thread::sleep(WATCH);
            findings.judge(&format!("{claim} ends no image"), server.runs()?, last_line(server));
            warned(findings, &claim, server, must_warn);
            Ok(())
        });
    }
    Ok(())
}

fn warned(findings: &mut Findings, claim: &str, server: &Server, must_warn: bool) {
    let console = server.console();
    let warning = console.lines().find(|line| line.starts_with("WARN"));
    let is_right = warning.is_some() || !must_warn;
    findings.judge(&format!("{claim}: the warning"), is_right, warning.unwrap_or("none"));
}

fn last_line(server: &Server) -> String {
    server.console().lines().last().unwrap_or_default().to_owned()
}

/// Tests packets with invalid senders in IPv4, Ethernet and ARP, and packets to multicast and broadcast
/// addresses.
pub(super) fn senders(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    bed.serve("senders that cannot be", &Boot::plain(), findings, |server, findings| {
        let frames = Frames::open(&bed.near, DEVICE)?;
        for &sender in SENDERS {
            frames.send(&syn(sender.into(), GUEST, STRANGER, GUEST_MAC)?)?;
            alive(bed, findings, &format!("SYN from {}", Ipv4Addr::from(sender)), server)?;
        }
        let neighbour = Ipv4Addr::new(10, 0, 2, 77);
        for &station in STATIONS {
            frames.send(&syn(neighbour, GUEST, station, GUEST_MAC)?)?;
            alive(bed, findings, &format!("SYN from station {station:02x?}"), server)?;
        }
        for operation in [1, 2] {
            for &sender in SENDERS {
                for &sender_mac in STATIONS {
                    let arp = Arp { operation, sender_mac, sender: sender.into(), target: GUEST };
                    frames.send(&arp.frame(STRANGER, GUEST_MAC)?)?;
                }
            }
        }
        alive(bed, findings, "ARP senders that cannot be", server)?;
        for (to, station) in [
            (Ipv4Addr::BROADCAST, BROADCAST),
            (Ipv4Addr::new(10, 0, 2, 255), BROADCAST),
            (Ipv4Addr::new(224, 0, 0, 1), [1, 0, 0x5e, 0, 0, 1]),
        ] {
            frames.send(&syn(HOST, to, HOST_MAC, station)?)?;
            alive(bed, findings, &format!("SYN to {to}"), server)?;
        }
        Ok(())
    });
    Ok(())
}

fn alive(
    bed: &Bed<'_>,
    findings: &mut Findings,
    claim: &str,
    server: &mut Server,
) -> anyhow::Result<()> {
    let runs = server.runs()?;
    let outcome = match runs {
        true => patient(&bed.near, topology::resp())
            .and_then(|mut client| Ok(client.call(&["PING"])?.terminal().trim_end().to_owned())),
        false => Err(anyhow::anyhow!("the server has ended")),
    };
    findings.expect(claim, outcome);
    anyhow::ensure!(runs, "no further packet was sent");
    Ok(())
}

fn syn(from: Ipv4Addr, to: Ipv4Addr, from_mac: Mac, to_mac: Mac) -> anyhow::Result<Vec<u8>> {
    let mut header = TcpHeader::new(9, ports::RESP, 7, 1000);
    header.syn = true;
    Ends { from_mac, to_mac, from, to }.tcp(header, &[])
}

//! The steps that several DHCP cases use.

use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use etherparse::TcpHeader;
use runtime_config::ports;

use super::server::{DhcpServer, Lease, Script};

use crate::test::wire::bed::Bed;
use crate::test::wire::boot::Boot;
use crate::test::wire::dial::Dial;
use crate::test::wire::findings::Findings;
use crate::test::wire::frames::{Frames, GUEST_MAC};
use crate::test::wire::packet::{Arp, Ends, Heard};
use crate::test::wire::server::Server;
use crate::test::wire::topology::{self, DEVICE};

/// The address of a host outside all networks of the case.
pub(super) const OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);
/// The address that a renewal may offer instead of the first one.
pub(super) const OTHER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 16);
/// Maximum time from the first lease to the end of its first renewal.
pub(super) const RENEWED: Duration = Duration::from_secs(8);
/// Maximum time from the boot until the image has taken its fallback address.
pub(super) const FALLBACK: Duration = Duration::from_secs(6);

/// Boots a server that gets its address by DHCP, with a DHCP server on the link.
pub(super) fn lease(
    bed: &Bed<'_>,
    findings: &mut Findings,
    claim: &str,
    late: Duration,
    script: Script,
    work: impl FnOnce(&mut Server, &DhcpServer) -> anyhow::Result<String>,
) {
    let boot = Boot::plain().address("");
    bed.serve(claim, &boot, findings, |server, findings| {
        thread::sleep(late);
        let dhcp = DhcpServer::start(&bed.near, script)?;
        let outcome = work(server, &dhcp);
        let kinds = dhcp.seen();
        let outcome = outcome.map(|seen| format!("{seen}; messages {}", shown(&kinds)));
        findings.expect(claim, outcome.with_context(|| format!("messages {}", shown(&kinds))));
        let runs = server.runs()?;
        findings.judge(&format!("{claim}: the server runs"), runs, last_word(server));
        Ok(())
    });
}

fn shown(kinds: &[u8]) -> String {
    const SHOWN_MAX: usize = 12;
    let more =
        if kinds.len() > SHOWN_MAX { format!("… {} in all", kinds.len()) } else { String::new() };
    format!("{:?}{more}", kinds.iter().take(SHOWN_MAX).collect::<Vec<_>>())
}

fn last_word(server: &Server) -> String {
    let console = server.console();
    let mut lines = console.lines().rev();
    let line = lines.find(|line| line.contains("address") || line.contains("PANIC"));
    line.unwrap_or("no line").to_owned()
}

/// Waits until `is_so` returns `true`.
pub(super) fn until(mut is_so: impl FnMut() -> bool) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        ensure!(Instant::now() < deadline, "no request within a minute");
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Checks that a client with another address of the wider network is served.
pub(super) fn wide(bed: &Bed<'_>) -> anyhow::Result<String> {
    let client = Ipv4Addr::new(10, 0, 7, 7);
    bed.near.ip(&format!("addr add {client}/16 dev {DEVICE}"))?;
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let dial = Dial::from(client, 0).within(Duration::from_secs(2));
        match dial.client(&bed.near, topology::resp()) {
            Ok(_) => return Ok(format!("{client} is served")),
            Err(_) if Instant::now() < deadline => {}
            Err(error) => return Err(error).context(client),
        }
    }
}

/// Checks that the server sends an answer to a host outside its network through `router`, which answers ARP
/// requests.
pub(super) fn routed(bed: &Bed<'_>, own: Ipv4Addr, router: Ipv4Addr) -> anyhow::Result<String> {
    let frames = Frames::open(&bed.near, DEVICE)?;
    let [.., last] = router.octets();
    let mac = [2, 0, 0, 0, 1, last];
    let start = Instant::now();
    let mut asked = Vec::new();
    for attempt in 0..5 {
        frames.send(&syn(OUTSIDE, own, mac, 2000 + attempt)?)?;
        let deadline = Instant::now() + Duration::from_millis(1100);
        while let Some(heard) = frames.hear(deadline)? {
            match heard {
                Heard::Arp(arp) if arp.operation == 1 => {
                    if arp.target == router {
                        let answer = Arp {
                            operation: 2,
                            sender_mac: mac,
                            sender: router,
                            target: arp.sender,
                        };
                        frames.send(&answer.frame(mac, GUEST_MAC)?)?;
                    }
                    if !asked.contains(&arp.target) {
                        asked.push(arp.target);
                    }
                }
                Heard::Tcp(segment) if segment.to == OUTSIDE => {
                    ensure!(segment.to_mac == mac, "the answer goes to {:02x?}", segment.to_mac);
                    return Ok(format!("answered by {router} after {:.1?}", start.elapsed()));
                }
                _ => {}
            }
        }
    }
    anyhow::bail!("no answer by {router}; requested {asked:?}")
}

pub(super) fn syn(
    from: Ipv4Addr,
    to: Ipv4Addr,
    from_mac: [u8; 6],
    port: u16,
) -> anyhow::Result<Vec<u8>> {
    let mut header = TcpHeader::new(port, ports::RESP, 9, 1000);
    header.syn = true;
    Ends { from_mac, to_mac: GUEST_MAC, from, to }.tcp(header, &[])
}

/// Returns the default lease with other times.
pub(super) fn seconds(seconds: u32, renewal: Option<(u32, u32)>) -> Option<Lease> {
    Some(Lease { seconds, renewal, ..Lease::USUAL })
}

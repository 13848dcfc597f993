//! Clients that disconnect during a request.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::Subject;
use crate::resp::{Client, encode};
use crate::sys;
use crate::test::reports;

/// Clients at once, and the regions of each.
const CLIENTS: usize = 200;
const REGIONS: usize = 500;
/// Rounds of clients that are reset within a bulk, and their number per round.
const ROUNDS: usize = 10;
const CUT: usize = 50;
/// Bytes after the header of a write.
const BEHIND: usize = 100_000;
/// How long the image may take to free their regions.
const LIMIT: Duration = Duration::from_secs(60);

/// Resets connections during a write of 16 MiB: within its header, and after more bytes than the image
/// buffers.
pub(super) fn amid_bulks(subject: &Subject) -> anyhow::Result<()> {
    let mut owner = subject.connect()?;
    reports::allocated(owner.call(&["VMALLOC", "16M", "NAME", "target"])?)?;
    let head = b"*4\r\n$6\r\nVWRITE\r\n$7\r\n@target\r\n$1\r\n0\r\n$16777216\r\n";
    let whole = [&head[..], &[b'x'; BEHIND]].concat();
    for round in 0..ROUNDS {
        let mut clients = Vec::new();
        for number in 0..CUT {
            let mut client = Client::from_stream(open(subject)?)?;
            let part = if number % 2 == 0 { head.len() - 3 } else { whole.len() };
            let sent = client.send(&whole[..part]);
            sent.with_context(|| format!("client {number} of round {round}"))?;
            clients.push(client);
        }
    }
    let freed = reports::integer(owner.call(&["VFREE", "@target"])?)?;
    ensure!(freed == 1, "a written region is missing");
    Ok(())
}

/// Resets many clients with many unnamed regions at once.
pub(super) fn with_regions(subject: &Subject) -> anyhow::Result<()> {
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let mut client = Client::from_stream(open(subject)?)?;
        client.send(&encode(&["VMALLOC", "4096"]).repeat(REGIONS))?;
        for _ in 0..REGIONS {
            reports::allocated(client.receive()?).with_context(|| format!("client {number}"))?;
        }
        clients.push(client);
    }
    let made = reports::stat(&mut subject.connect()?, "regions")?;
    ensure!(made >= (CLIENTS * REGIONS) as u64, "{made} regions");
    drop(clients);
    let mut observer = subject.connect()?;
    let deadline = Instant::now() + LIMIT;
    // The region of the bystander comes and goes.
    while reports::stat(&mut observer, "regions")? > 1 {
        ensure!(Instant::now() < deadline, "the regions of ended clients are not freed");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Opens a connection that ends by RST.
fn open(subject: &Subject) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(subject.address())?;
    sys::reset_on_close(&stream)?;
    Ok(stream)
}

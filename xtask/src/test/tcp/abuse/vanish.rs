//! Abuse by clients that disconnect during a request.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::Subject;
use crate::resp::{Client, encode};
use crate::sys;
use crate::test::reports;

/// Number of clients at the same time. The next constant is the number of regions of each.
const CLIENTS: usize = 200;
const REGIONS: usize = 500;
/// Number of rounds of clients that are reset within a bulk string, and number of clients per round.
const ROUNDS: usize = 10;
const CUT: usize = 50;
/// Number of bytes that are sent after the header of the write.
const BEHIND: usize = 100_000;
/// Maximum time in which the image must free the regions of the clients.
const LIMIT: Duration = Duration::from_secs(60);

/// Resets connections during a write of 16 MiB: some within its header, and some after more bytes than the
/// image buffers.
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

/// Resets many clients that have many unnamed regions, all at the same time.
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
    // The bystander has at most one region at a time, which may exist or not.
    while reports::stat(&mut observer, "regions")? > 1 {
        ensure!(Instant::now() < deadline, "the regions of ended clients are not freed");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Opens a connection whose end sends an RST.
fn open(subject: &Subject) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(subject.address())?;
    sys::reset_on_close(&stream)?;
    Ok(stream)
}

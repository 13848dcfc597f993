//! Tests many clients: clients that are idle, and clients that are reset.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::subject::Subject;
use crate::resp::{Client, Reply, client, encode};
use crate::sys;
use crate::test::reports;

const CLIENTS: usize = 64;
const REGIONS: usize = 100;
/// Maximum time of a reply while 64 clients are idle.
const PONG_LIMIT: Duration = Duration::from_secs(5);

/// Opens 64 idle connections. While they are open, one client must be able to allocate, write and read, and a
/// new client must be served.
pub(super) fn idle(subject: &Subject) -> anyhow::Result<()> {
    let mut idle = Vec::new();
    for number in 0..CLIENTS {
        let mut client = subject.connect().with_context(|| format!("client {number}"))?;
        // The host accepts a connection before the image does, so a connection counts only after a reply of
        // the image.
        ping(&mut client).with_context(|| format!("client {number}"))?;
        idle.push(client);
    }
    let mut worker = subject.connect()?;
    let before = reports::baseline(&mut worker)?;
    let start = Instant::now();
    for round in 0..200_u64 {
        let region = reports::allocated(worker.call(&["VZALLOC", "64K"])?)?;
        let (id, text) = (region.id.to_string(), round.to_string());
        worker.call(&["VWRITE", &id, "40000", &text])?;
        let read = worker.call(&["VREAD", &id, "40000", &text.len().to_string()])?;
        ensure!(read == Reply::Bulk(Some(text.into_bytes())), "{}", read.terminal());
        reports::free(&mut worker, &[region.id])?;
    }
    ensure!(start.elapsed() < PONG_LIMIT * 10, "200 rounds took {:?}", start.elapsed());
    for (number, client) in idle.iter_mut().enumerate() {
        ping(client).with_context(|| format!("client {number} afterwards"))?;
    }
    drop(idle);
    subject.settle(&mut worker, &before)
}

/// Resets 64 connections during a request, after each has allocated regions.
pub(super) fn reset(subject: &Subject) -> anyhow::Result<()> {
    let mut observer = subject.connect()?;
    let before = reports::baseline(&mut observer)?;
    let mut streams = Vec::new();
    for number in 0..CLIENTS {
        let stream = TcpStream::connect(subject.address())?;
        sys::reset_on_close(&stream)?;
        let mut client = Client::from_stream(stream)?;
        client.send(&encode(&["VMALLOC", "4096"]).repeat(REGIONS))?;
        for _ in 0..REGIONS {
            reports::allocated(client.receive()?).with_context(|| format!("client {number}"))?;
        }
        streams.push(client);
    }
    let during = reports::check(&mut observer)?;
    let made = during.number("areas")? - before.number("areas")?;
    ensure!(made == (CLIENTS * REGIONS) as u64, "{made} areas for {CLIENTS} clients");
    for client in &mut streams {
        // At the reset, half a request is in flight.
        client.send(b"*2\r\n$7\r\nVMALLOC\r\n$4\r\n40")?;
    }
    drop(streams);
    subject.settle(&mut observer, &before)?;
    ensure!(client::pongs(subject.address(), PONG_LIMIT), "no PONG for a new client");
    // The sockets of the reset connections are reused.
    let mut again = Vec::new();
    for number in 0..CLIENTS {
        let mut stream = TcpStream::connect(subject.address())?;
        stream.write_all(b"PING\r\n")?;
        let mut client = Client::from_stream(stream)?;
        let reply = client.receive().with_context(|| format!("client {number} of the next 64"))?;
        ensure!(reply == Reply::Status("PONG".to_owned()), "{}", reply.terminal());
        again.push(client);
    }
    Ok(())
}

fn ping(client: &mut Client) -> anyhow::Result<()> {
    let reply = client.call(&["PING"])?;
    ensure!(reply == Reply::Status("PONG".to_owned()), "{}", reply.terminal().trim_end());
    Ok(())
}

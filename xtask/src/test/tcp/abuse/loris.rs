//! Abuse by clients that hold connections and use them as slowly as possible.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::Subject;
use crate::sys;
use crate::test::reports;

/// Time for which the connections are held.
const HOLD: Duration = Duration::from_secs(3);
/// The pause between two bytes of a slow client.
const PAUSE: Duration = Duration::from_millis(100);
/// Maximum time of a reply.
const LIMIT: Duration = Duration::from_secs(30);
/// Number of places of the RESP service, two of which the test itself uses. The next constant is the number
/// of places of the HTTP reports.
const RESP_PLACES: usize = 256;
const HTTP_PLACES: usize = runtime_config::limits::HTTP_CLIENTS;
/// Number of clients that never read. The next constant is the request that each of them sends.
const DEAF: usize = 4;
const REPORTS: usize = 100_000;

/// Sends a request byte by byte on every free RESP place.
pub(super) fn resp(subject: &Subject) -> anyhow::Result<()> {
    let address = subject.address();
    let request = b"*3\r\n$6\r\nVWRITE\r\n$4000\r\n";
    let streams = trickle(address, RESP_PLACES - 2, request)?;
    let late = one_line(address, b"PING\r\n")?;
    ensure!(late == "-ERR max number of clients reached\r\n", "one more gets {late:?}");
    drop(streams);
    until(|| Ok(one_line(address, b"PING\r\n")? == "+PONG\r\n"))
}

/// Sends the head of an HTTP request byte by byte on every HTTP place.
pub(super) fn http(subject: &Subject) -> anyhow::Result<()> {
    let address = subject.http()?;
    let streams = trickle(address, HTTP_PLACES, b"GET / HTTP/1.1\r\nHost: a\r\nX: aaaaaaaaaaaaaa")?;
    let asks = b"GET /healthz HTTP/1.0\r\n\r\n";
    // A connection whose head is incomplete after one second is evicted, so the monitoring request is served.
    let late = one_line(address, asks)?;
    ensure!(late.starts_with("HTTP/1.1 200 "), "one more gets {late:?}");
    drop(streams);
    until(|| Ok(one_line(address, asks)?.starts_with("HTTP/1.1 200 ")))
}

/// Pipelines more requests for reports than the image can answer into its buffers, and reads no answer.
pub(super) fn deaf(subject: &Subject) -> anyhow::Result<()> {
    let requests = b"VMALLOCINFO\r\n".repeat(REPORTS);
    let mut streams = Vec::new();
    for _ in 0..DEAF {
        let stream = TcpStream::connect(subject.address())?;
        sys::reset_on_close(&stream)?;
        stream.set_nonblocking(true)?;
        streams.push((stream, 0));
    }
    let start = Instant::now();
    while start.elapsed() < HOLD {
        for (stream, sent) in &mut streams {
            match stream.write(&requests[*sent..]) {
                Ok(count) => *sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error).context("a client that does not read"),
            }
        }
        std::thread::sleep(PAUSE / 10);
    }
    let mut observer = subject.connect()?;
    let waiting = reports::stat(&mut observer, "clients")?;
    ensure!(waiting >= DEAF as u64 + 3, "{waiting} clients are left");
    Ok(())
}

/// Opens `count` connections, and sends `bytes` byte by byte on each of them for a while.
fn trickle(address: SocketAddr, count: usize, bytes: &[u8]) -> anyhow::Result<Vec<TcpStream>> {
    let mut streams = Vec::new();
    for number in 0..count {
        let stream = TcpStream::connect(address).with_context(|| format!("client {number}"))?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let start = Instant::now();
    for byte in bytes.iter().take_while(|_| start.elapsed() < HOLD) {
        for stream in &mut streams {
            stream.write_all(&[*byte])?;
        }
        std::thread::sleep(PAUSE);
    }
    Ok(streams)
}

/// Returns the first line that a new connection receives after it has sent `bytes`.
fn one_line(address: SocketAddr, bytes: &[u8]) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.write_all(bytes)?;
    let mut line = Vec::new();
    BufReader::new(stream).read_until(b'\n', &mut line)?;
    Ok(String::from_utf8_lossy(&line).into_owned())
}

/// Waits until `is_so` returns `true`.
fn until(mut is_so: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let deadline = Instant::now() + LIMIT;
    while !is_so()? {
        ensure!(Instant::now() < deadline, "a freed place is not reused");
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

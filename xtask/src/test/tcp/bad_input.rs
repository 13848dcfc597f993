//! Sends malformed requests, and compares each reply with the exact expected one.
//!
//! Each malformed request has its own connection. Another connection must stay usable throughout the test.

mod rows;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::conversation::text_matches;
use super::subject::Subject;
use crate::test::reports;

use rows::{BadInput, ConnectionEnd};

/// Maximum time of the reply to one malformed request.
const LIMIT: Duration = Duration::from_secs(10);

/// Sends every malformed request, and compares every reply.
pub(super) fn run(subject: &Subject) -> anyhow::Result<()> {
    let mut witness = subject.connect()?;
    let before = reports::baseline(&mut witness)?;
    let mut wrong = Vec::new();
    for row in rows::all() {
        match exchange(subject.address(), &row) {
            Ok(actual) if text_matches(&row.reply, &actual) => {}
            Ok(actual) => {
                wrong.push(format!("{}: expected {:?}, got {actual:?}", row.about, row.reply))
            }
            Err(error) => wrong.push(format!("{}: {error:#}", row.about)),
        }
        let pong = witness.call(&["PING"])?;
        ensure!(!pong.is_error(), "the other connection after {}", row.about);
    }
    if !wrong.is_empty() {
        bail!("{} rows\n{}", wrong.len(), wrong.join("\n"));
    }
    subject.settle(&mut witness, &before)
}

/// Sends every malformed request after which the image closes the connection. Other connections are not
/// checked.
pub(super) fn flood(address: SocketAddr) -> anyhow::Result<()> {
    for row in rows::all().iter().filter(|row| row.end == ConnectionEnd::Closes) {
        let actual = exchange(address, row).with_context(|| row.about)?;
        ensure!(text_matches(&row.reply, &actual), "{} gets {actual:?}", row.about);
    }
    Ok(())
}

/// Sends one malformed request. Returns all bytes that the connection receives.
fn exchange(address: SocketAddr, row: &BadInput) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    // The image may close the connection while the rest of the request is still being sent.
    let sent = stream.write_all(&row.bytes);
    if row.end == ConnectionEnd::Stays {
        sent?;
        // The reply to this `PING` shows whether the image has closed the connection.
        stream.write_all(b"*1\r\n$4\r\nPING\r\n")?;
        let mut actual = read_until(&mut stream, b"+PONG\r\n")?;
        actual.truncate(actual.len() - b"+PONG\r\n".len());
        stream.shutdown(Shutdown::Both)?;
        return Ok(String::from_utf8_lossy(&actual).into_owned());
    }
    let actual = read_until(&mut stream, b"")?;
    Ok(String::from_utf8_lossy(&actual).into_owned())
}

/// Reads until the connection ends, or until the received bytes end with `wanted`.
fn read_until(stream: &mut TcpStream, wanted: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) if wanted.is_empty() => return Ok(bytes),
            Ok(0) => bail!("closed after {:?}", String::from_utf8_lossy(&bytes)),
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            // A server that closes a connection with unread bytes resets the connection.
            Err(error) if error.kind() == ErrorKind::ConnectionReset && wanted.is_empty() => {
                return Ok(bytes);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                bail!("no more within {LIMIT:?} after {:?}", String::from_utf8_lossy(&bytes))
            }
            Err(error) => return Err(error.into()),
        }
        if !wanted.is_empty() && bytes.ends_with(wanted) {
            return Ok(bytes);
        }
    }
}

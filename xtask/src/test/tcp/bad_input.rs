//! Malformed requests, each with its exact reply.
//!
//! Every input has its own connection, and another connection must stay usable throughout.

mod rows;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::conversation::text_matches;
use super::subject::Subject;
use crate::test::reports;

use rows::{BadInput, ConnectionEnd};

/// Time limit of the reply to one input.
const LIMIT: Duration = Duration::from_secs(10);

/// Sends every input and compares every reply.
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

/// Sends every input that ends its connection, without checks of other connections.
pub(super) fn flood(address: SocketAddr) -> anyhow::Result<()> {
    for row in rows::all().iter().filter(|row| row.end == ConnectionEnd::Closes) {
        let actual = exchange(address, row).with_context(|| row.about)?;
        ensure!(text_matches(&row.reply, &actual), "{} gets {actual:?}", row.about);
    }
    Ok(())
}

/// Sends an input; returns all bytes that arrive until the connection ends.
fn exchange(address: SocketAddr, row: &BadInput) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    // The image may close while the rest is still being sent.
    let sent = stream.write_all(&row.bytes);
    if row.end == ConnectionEnd::Stays {
        sent?;
        // This reply shows whether the image has closed; then the client closes.
        stream.write_all(b"*1\r\n$4\r\nPING\r\n")?;
        let mut actual = read_until(&mut stream, b"+PONG\r\n")?;
        actual.truncate(actual.len() - b"+PONG\r\n".len());
        stream.shutdown(Shutdown::Both)?;
        return Ok(String::from_utf8_lossy(&actual).into_owned());
    }
    let actual = read_until(&mut stream, b"")?;
    Ok(String::from_utf8_lossy(&actual).into_owned())
}

/// Reads until the connection ends, or until the bytes end with the expected ones.
fn read_until(stream: &mut TcpStream, wanted: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) if wanted.is_empty() => return Ok(bytes),
            Ok(0) => bail!("closed after {:?}", String::from_utf8_lossy(&bytes)),
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            // A server that closes with unread bytes resets the connection.
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

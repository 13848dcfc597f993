//! Abuse by requests in pieces, and by malformed requests.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::super::bad_input;
use super::Subject;
use crate::resp::encode;

/// Maximum time of a reply.
const LIMIT: Duration = Duration::from_secs(30);
/// Number of clients that send malformed requests at the same time.
const CLIENTS: usize = 8;

/// Sends the same conversation cut at each byte, and as single bytes. The replies must be the same.
pub(super) fn splits(subject: &Subject) -> anyhow::Result<()> {
    let bytes = [
        &encode(&["VZALLOC", "10000"])[..],
        &encode(&["ECHO", "\r\n$5\r\n*1\r\n"]),
        b"\r\nPING 'a \\' b'\r\n*0\r\nnonsense \"\\x41\"\n",
        &encode(&["VFREEALL"]),
    ]
    .concat();
    let answer = |cuts: &mut dyn Iterator<Item = usize>| -> anyhow::Result<String> {
        let text = answer(subject, &bytes, cuts)?;
        // The ids of the regions differ between the conversations, so they are removed.
        let (_, rest) = text.split_once(":12288\r\n").with_context(|| format!("{text:?}"))?;
        Ok(rest.to_owned())
    };
    let whole = answer(&mut std::iter::empty())?;
    let wanted = "$10\r\n\r\n$5\r\n*1\r\n\r\n$5\r\na ' b\r\n-ERR unknown command 'nonsense', \
                  with args beginning with: 'A' \r\n:1\r\n";
    ensure!(whole == wanted, "{whole:?}");
    for cut in 1..bytes.len() {
        let actual = answer(&mut [cut].into_iter())?;
        ensure!(actual == whole, "cut at {cut}: {actual:?}");
    }
    let single = answer(&mut (1..bytes.len()))?;
    ensure!(single == whole, "single bytes: {single:?}");
    Ok(())
}

/// Sends `bytes` in pieces that end at `ends`. Returns all bytes of the replies.
fn answer(
    subject: &Subject,
    bytes: &[u8],
    cuts: &mut dyn Iterator<Item = usize>,
) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(subject.address())?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LIMIT))?;
    let mut from = 0;
    for cut in cuts {
        stream.write_all(&bytes[from..cut])?;
        from = cut;
    }
    stream.write_all(&bytes[from..])?;
    stream.shutdown(Shutdown::Write)?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// Sends all malformed requests from several clients at the same time.
pub(super) fn broken(subject: &Subject) -> anyhow::Result<()> {
    let address = subject.address();
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..CLIENTS).map(|_| scope.spawn(move || bad_input::flood(address))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("it does not panic"))
    })
}

//! Tests small windows, small segments, and readers that pause, with and without segmentation offload.

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::test::pattern::bytes;
use crate::test::wire::bed::Bed;
use crate::test::wire::boot::Boot;
use crate::test::wire::dial::Dial;
use crate::test::wire::findings::Findings;
use crate::test::wire::topology;

/// Length of the value that each reader reads, in bytes.
const VALUE: usize = 1 << 20;
/// Properties of a device without segmentation and checksum offload.
const PLAIN_CARD: &str = ",csum=off,guest_csum=off,gso=off,host_tso4=off,guest_tso4=off";
/// Maximum time of a reader that does not pause.
const LIMIT: Duration = Duration::from_secs(60);

/// A reader: its name, largest segment size, size of the receive buffer, and duration of its pause in
/// seconds.
type Reader = (&'static str, Option<u32>, Option<usize>, u64);

/// The readers, which read at the same time.
const READERS: &[Reader] = &[
    ("MSS 88", Some(88), None, 0),
    ("MSS 536", Some(536), None, 0),
    ("a window of 2 KiB", None, Some(2048), 0),
    ("MSS 88 and a window of 2 KiB", Some(88), Some(2048), 0),
    ("MSS 536 that stops for 15 s", Some(536), Some(4096), 15),
    ("a reader that stops for 15 s", None, Some(8192), 15),
    ("a reader that stops for 55 s", None, Some(8192), 55),
    ("a reader that stops for 90 s", None, Some(8192), 90),
];
/// Maximum pause without segmentation offload in seconds, unless cases run for their documented durations.
const SHORT: u64 = 15;

/// Runs all readers at the same time, on two devices one after the other.
pub(super) fn run(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    for (how, card) in [("with offload", ""), ("without offload", PLAIN_CARD)] {
        bed.serve(how, &Boot::plain().card(card), findings, |_, findings| {
            let mut near = Dial::PLAIN.client(&bed.near, topology::resp())?;
            near.call(&[b"SET".as_slice(), b"k", &bytes(VALUE, 0)])?;
            drop(near);
            let is_short = !card.is_empty() && !bed.is_long;
            let readers = READERS.iter().filter(|reader| !is_short || reader.3 <= SHORT);
            let outcomes: Vec<_> = thread::scope(|scope| {
                let threads: Vec<_> =
                    readers.map(|reader| (reader.0, scope.spawn(|| read(bed, reader)))).collect();
                threads.into_iter().map(|(name, thread)| (name, thread.join())).collect()
            });
            for (name, outcome) in outcomes {
                let outcome = outcome.unwrap_or_else(|_| Err(anyhow::anyhow!("a thread panicked")));
                findings.expect(&format!("{name}, {how}"), outcome);
            }
            Ok(())
        });
    }
    Ok(())
}

fn read(bed: &Bed<'_>, &(_, mss, receive_buffer, stop): &Reader) -> anyhow::Result<String> {
    let stop = Duration::from_secs(stop);
    let dial = Dial { mss, receive_buffer, limit: LIMIT, ..Dial::PLAIN };
    let mut stream = dial.stream(&bed.near, topology::resp())?;
    stream.write_all(b"GET k\r\n")?;
    let mut head = [0; 10];
    stream.read_exact(&mut head).context("the head")?;
    ensure!(head == *b"$1048576\r\n", "the head is {}", String::from_utf8_lossy(&head));
    thread::sleep(stop);
    let start = Instant::now();
    let mut found = vec![0; VALUE + 2];
    stream.read_exact(&mut found).context("the value")?;
    found.truncate(VALUE);
    ensure!(found == bytes(VALUE, 0), "other bytes");
    let took = start.elapsed();
    stream.write_all(b"PING\r\n")?;
    let mut pong = [0; 7];
    stream.read_exact(&mut pong).context("a PONG afterwards")?;
    Ok(format!("the rest within {took:.2?}"))
}

//! Tests clients that have not sent the password. They must get only a limited share of the server, and the
//! same limits as in Redis.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::linux;
use crate::redis::Redis;
use crate::resp::{Reply, encode};
use crate::test::tally::Skip;
use crate::test::wire::bed::Bed;
use crate::test::wire::boot::Boot;
use crate::test::wire::dial::Dial;
use crate::test::wire::findings::Findings;
use crate::test::wire::namespace::Namespace;
use crate::test::wire::pings::Times;
use crate::test::wire::topology;

const LINE: &str = "requirepass=x";
/// Number of unauthenticated clients at the same time. The next constant is the number of measured connects
/// of an authenticated client.
const STRANGERS: usize = 200;
const VISITS: usize = 30;
/// Time for which the requests of these clients fill the connections before the measurement.
const FILLED: Duration = Duration::from_secs(2);
/// The documented time of a connect with `AUTH` and `PING`.
const VISIT: Duration = Duration::from_millis(50);
/// Maximum time of a reply before authentication.
const PATIENCE: Duration = Duration::from_millis(400);

/// Tests unauthenticated clients that send requests and never read.
pub(super) fn writers(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    bed.serve("strangers that never read", &Boot::plain().line(LINE), findings, |_, findings| {
        let control = visits(bed)?;
        Findings::note(&format!("without strangers: {control}"));
        let streams: Result<Vec<_>, _> = (0..STRANGERS)
            .map(|_| {
                let stream = Dial::PLAIN.stream(&bed.near, topology::resp())?;
                stream.set_nonblocking(true).map(|()| stream)
            })
            .collect();
        let streams = streams.context("a stranger")?;
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| write_on(&streams, &is_over));
            thread::sleep(FILLED);
            let measured = (0..2).map(|round| {
                if round > 0 {
                    thread::sleep(FILLED * 2);
                }
                visits(bed)
            });
            let measured: anyhow::Result<Vec<_>> = measured.collect();
            is_over.store(true, Ordering::Relaxed);
            for (name, times) in
                ["while kernels still send", "once kernels are full"].iter().zip(measured?)
            {
                // A busy host may delay one of many connects, so a quantile is judged.
                let limit = VISIT.max(control.quantile(900) * 3);
                let is_right = times.quantile(900) < limit && times.max() < limit * 5;
                findings.judge(&format!("connect, AUTH and PING {name}"), is_right, times);
            }
            Ok(())
        })
    });
    Ok(())
}

fn write_on(streams: &[TcpStream], is_over: &AtomicBool) {
    let words = encode(&["PING"]).repeat(4000);
    while !is_over.load(Ordering::Relaxed) {
        for mut stream in streams {
            // A connection whose buffers are full accepts no bytes. A connection that the server has closed
            // is ignored.
            let _ = stream.write(&words);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn visits(bed: &Bed<'_>) -> anyhow::Result<Times> {
    let visit = |_| {
        let start = Instant::now();
        let mut client =
            Dial::PLAIN.within(Duration::from_secs(30)).client(&bed.near, topology::resp())?;
        for words in [&["AUTH", "x"][..], &["PING"]] {
            let reply = client.call(words)?;
            anyhow::ensure!(matches!(reply, Reply::Status(_)), "{}", reply.terminal());
        }
        let time = start.elapsed();
        thread::sleep(VISIT);
        Ok(time)
    };
    Ok(Times::new((0..VISITS).map(visit).collect::<anyhow::Result<_>>()?))
}

/// Sends requests before authentication. Each reply must be the same as that of Debian's Redis, byte by byte.
pub(super) fn limits(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    let program = linux::redis_server().map_err(|_| Skip("redis-server is not installed"))?;
    let options = ["--requirepass", "x", "--proto-max-bulk-len", "16777216"];
    let redis = Redis::start(bed.programs.workspace, "test-wire-oracle", &program, &options)?;
    let std::net::SocketAddr::V4(oracle) = redis.address() else { anyhow::bail!("no IPv4") };
    bed.serve("requests before AUTH", &Boot::plain().line(LINE), findings, |_, findings| {
        for (name, bytes) in requests() {
            let theirs = answer(&bed.near, oracle, &bytes)?;
            let ours = answer(&bed.near, topology::resp(), &bytes)?;
            let seen = if ours == theirs {
                shown(&ours)
            } else {
                format!("{}; Redis {}", shown(&ours), shown(&theirs))
            };
            findings.judge(&format!("before AUTH: {name}"), ours == theirs, seen);
        }
        Ok(())
    });
    Ok(())
}

fn requests() -> Vec<(&'static str, Vec<u8>)> {
    let words = |count: usize| encode(&vec!["a"; count]);
    let bulk = |count: usize| encode(&[&"x".repeat(count)]);
    let large = "x".repeat(1 << 20);
    let inline = |count: usize| format!("PING {}\r\n", "x".repeat(count)).into_bytes();
    vec![
        ("11 arguments", words(11)),
        ("10 arguments", words(10)),
        ("an argument of 16,385 bytes", bulk(16_385)),
        ("an argument of 16,384 bytes", bulk(16_384)),
        ("AUTH with 16,385 bytes", encode(&["AUTH", &"x".repeat(16_385)])),
        ("SET of 1 MiB", encode(&["SET", "k", &large])),
        ("the head of 16 MiB", b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$16777216\r\n".to_vec()),
        ("inline of 60 KB", inline(60_000)),
        ("inline of 300 KB", inline(300_000)),
        ("PING", encode(&["PING"])),
        ("PING with a message", encode(&["PING", &"x".repeat(1000)])),
        ("QUIT", encode(&["QUIT"])),
        ("ECHO", encode(&["ECHO", "x"])),
        ("an unknown command", encode(&["NOSUCH"])),
        ("GET without a key", encode(&["GET"])),
    ]
}

/// Sends bytes, and reads until no bytes arrive for a short time. The text `<end>` marks the end of the
/// connection.
fn answer(namespace: &Namespace, to: SocketAddrV4, bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut stream = Dial::PLAIN.stream(namespace, to)?;
    // The server may close the connection before it has read all bytes.
    let _ = stream.write_all(bytes);
    stream.set_read_timeout(Some(PATIENCE))?;
    let (mut all, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break all.extend(b"<end>"),
            Ok(length) => all.extend(piece.get(..length).unwrap_or_default()),
            // If a server closes with unread input, it sends a RST.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break all.extend(b"<end>"),
            Err(_) => break,
        }
    }
    Ok(all)
}

fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text: String = text.chars().take(90).collect();
    format!("{text:?}")
}

//! Tests clients that do not close connections after the server has closed them. New clients must still be
//! served.

use std::io::{self, Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::time::{Duration, Instant};

use crate::test::wire::bed::Bed;
use crate::test::wire::boot::Boot;
use crate::test::wire::dial::Dial;
use crate::test::wire::findings::Findings;
use crate::test::wire::topology;

/// Maximum time for which a new client tries to connect. The next constant is the pause between two attempts.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(250);
/// Maximum time of one attempt.
const ATTEMPT: Duration = Duration::from_secs(1);
/// Maximum time until a new client is served: a connect with one retransmitted SYN.
const LIMIT: Duration = Duration::from_millis(1500);

/// Clients that occupy places: the name of the case, words of the command line, whether the clients use HTTP,
/// their number, and the bytes that each sends.
const HOLDERS: &[(&str, &str, bool, usize, &[u8])] = &[
    ("540 clients send QUIT", "", false, 540, b"QUIT\r\n"),
    ("540 unauthenticated clients send QUIT", "requirepass=x", false, 540, b"QUIT\r\n"),
    ("540 clients with a protocol error", "", false, 540, b"*1\r\nX\r\n"),
    ("40 clients send QUIT while 8 are allowed", "clients=8", false, 40, b"QUIT\r\n"),
    ("40 readers by HTTP/1.0", "", true, 40, b"GET /healthz HTTP/1.0\r\n\r\n"),
    ("40 readers with a bad head", "", true, 40, b"BAD\r\n\r\n"),
    ("40 readers that stay", "", true, 40, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
];

/// Tests each kind of client on a server of its own.
pub(super) fn run(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    for &(claim, line, by_http, count, words) in HOLDERS {
        if bed.is_control && (by_http || line.starts_with("clients")) {
            continue;
        }
        let to = if by_http { topology::http() } else { topology::resp() };
        bed.serve(claim, &Boot::plain().line(line), findings, |_, findings| {
            let start = Instant::now();
            let kept = hold(bed, to, count, words);
            let held = start.elapsed().as_secs_f64();
            let (took, attempts) = probe(bed, to, by_http);
            let is_right = kept.len() == count && took.is_some_and(|took| took < LIMIT);
            let when = took.map_or("not at all".to_owned(), |took| format!("after {took:.1?}"));
            let seen = format!(
                "{} held within {held:.1} s; a new client is served {when} {attempts:?}",
                kept.len()
            );
            findings.judge(claim, is_right, seen);
            Ok(())
        });
    }
    Ok(())
}

/// Opens connections that send `words`, read the reply, and stay open. Connections that the server refuses
/// are not returned.
fn hold(bed: &Bed<'_>, to: SocketAddrV4, count: usize, words: &[u8]) -> Vec<TcpStream> {
    let mut failures = 0;
    let mut kept = Vec::new();
    for _ in 0..count {
        let one = || -> io::Result<TcpStream> {
            let mut stream = Dial::PLAIN.within(ATTEMPT).stream(&bed.near, to)?;
            stream.write_all(words)?;
            let _ = stream.read(&mut [0; 512])?;
            Ok(stream)
        };
        match one() {
            Ok(stream) => kept.push(stream),
            Err(_) if failures > 2 => break,
            Err(_) => failures += 1,
        }
    }
    kept
}

/// Tries to connect as a new client until the server answers.
fn probe(bed: &Bed<'_>, to: SocketAddrV4, by_http: bool) -> (Option<Duration>, Vec<String>) {
    let start = Instant::now();
    let mut log = Vec::new();
    while start.elapsed() < PATIENCE {
        let attempt = || -> io::Result<Vec<u8>> {
            let mut stream = Dial::PLAIN.within(ATTEMPT).stream(&bed.near, to)?;
            let words: &[u8] =
                if by_http { b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" } else { b"PING\r\n" };
            stream.write_all(words)?;
            let mut answer = vec![0; 256];
            let length = stream.read(&mut answer)?;
            answer.truncate(length);
            Ok(answer)
        };
        let word = match attempt() {
            Ok(answer) if is_service(&answer) => return (Some(start.elapsed()), log),
            Ok(answer) => String::from_utf8_lossy(&answer).chars().take(20).collect(),
            Err(error) => error.kind().to_string(),
        };
        if !log.contains(&word) {
            log.push(word);
        }
        std::thread::sleep(PAUSE);
    }
    (None, log)
}

fn is_service(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    text.starts_with("+PONG") || text.starts_with("-NOAUTH") || text.contains(" 200 ")
}

//! Tests the HTTP reports of the image.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, ensure};

use super::subject::Subject;
use crate::process;
use crate::test::reports;
use crate::test::tally::Skip;

const LIMIT: Duration = Duration::from_secs(30);
/// Maximum time of 2000 requests on a busy host.
const CROWD_LIMIT: Duration = Duration::from_secs(180);
/// Number of connections that stay open after their reply.
const IDLE: usize = 30;

/// Reads the reports with `curl`, and compares them with the replies of commands.
pub(super) fn read(subject: &Subject) -> anyhow::Result<()> {
    let mut client = subject.connect()?;
    for number in 0..200 {
        let words =
            ["VMALLOC".to_owned(), "8K".to_owned(), "NAME".to_owned(), format!("r{number}")];
        reports::allocated(client.call(&words)?)?;
    }
    ensure!(get(subject, "/healthz")? == "ok\n");
    let text = get(subject, "/")?;
    ensure!(text.contains("200 busy, "), "the summary is {text}");
    let listed = reports::text(client.call(&["VMALLOCINFO"])?)?;
    ensure!(get(subject, "/vmallocinfo")? == listed, "/vmallocinfo is not VMALLOCINFO");
    let stats = get(subject, "/api/stats.json")?;
    ensure!(stats.contains("\"areas\":200,"), "the counters are {stats}");
    let page = get(subject, "/api/regions.json?count=1000")?;
    ensure!(page.matches("\"state\":\"busy\"").count() == listed.lines().count(), "{page}");
    let answer = exchange(subject, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nPING")?;
    ensure!(answer.starts_with("HTTP/1.1 405 "), "POST is answered with {answer}");
    Ok(())
}

/// Prometheus's own linter must accept `/metrics`.
pub(super) fn metrics(subject: &Subject) -> anyhow::Result<()> {
    if process::find("promtool").is_none() {
        return Err(Skip("promtool is not installed (Debian: prometheus)").into());
    }
    let mut client = subject.connect()?;
    for _ in 0..100 {
        client.call(&["VMALLOC", "4096", "NAME", "a", "REPLACE"])?;
    }
    let metrics = get(subject, "/metrics")?;
    let started = metrics.lines().find_map(|it| it.strip_prefix("process_start_time_seconds "));
    let started: u64 = started.context("no start time")?.parse()?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    // The image was booted at most a few minutes ago, and the guest has the host's clock.
    ensure!((now - 900..=now + 5).contains(&started), "started at {started}, it is {now}");
    ensure!(metrics.contains("vmalloc_op_seconds_count{op=\"VMALLOC\"}"), "no call was timed");
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]);
    let output = process::feed_within(&mut command, metrics.into_bytes(), LIMIT)?;
    let said = [output.stdout, output.stderr].concat();
    ensure!(
        output.status.success() && said.is_empty(),
        "promtool: {}",
        String::from_utf8_lossy(&said)
    );
    Ok(())
}

/// `ab` reads `/metrics` on 12 connections while 30 connections are idle. Every request must be served.
pub(super) fn crowd(subject: &Subject) -> anyhow::Result<()> {
    if process::find("ab").is_none() {
        return Err(Skip("ab is not installed (Debian: apache2-utils)").into());
    }
    let address = subject.http()?;
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        ensure!(&answer == b"HTTP/1.1 200", "an idle connection is answered otherwise");
        idle.push(stream);
    }
    let mut command = Command::new("ab");
    command.args(["-q", "-l", "-c", "12", "-n", "2000", &format!("http://{address}/metrics")]);
    let output = process::capture_within(&mut command, CROWD_LIMIT)?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    ensure!(output.status.success(), "ab: {}\n{said}", output.status);
    let number = |name: &str| -> Option<u64> {
        said.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    };
    ensure!(
        number("Complete requests:") == Some(2000)
            && number("Failed requests:") == Some(0)
            && number("Non-2xx responses:").is_none(),
        "ab says: {said}"
    );
    drop(idle);
    Ok(())
}

/// The numbers of calls of a command in `/metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Served {
    /// Number of calls without an error.
    pub(super) good: u64,
    /// Number of calls with an error.
    pub(super) bad: u64,
}

/// Reads these numbers for the command `name`.
pub(super) fn served(subject: &Subject, name: &str) -> anyhow::Result<Served> {
    let metrics = get(subject, "/metrics")?;
    let count = |result: &str| {
        let counter = format!("vmalloc_resp_commands_total{{cmd=\"{name}\",result=\"{result}\"}} ");
        let value = metrics.lines().find_map(|line| line.strip_prefix(&counter)?.parse().ok());
        value.with_context(|| format!("no count of {name}"))
    };
    Ok(Served { good: count("ok")?, bad: count("error")? })
}

/// Returns the body of a successful answer of the image.
fn get(subject: &Subject, path: &str) -> anyhow::Result<String> {
    fetch(subject.http()?, path)
}

/// Returns the body of a successful answer of any HTTP server.
pub(super) fn fetch(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let request = format!("GET {path} HTTP/1.0\r\nUser-Agent: curl/8.0\r\n\r\n");
    let answer = exchange_at(address, &request)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no head")?;
    ensure!(head.split(' ').nth(1) == Some("200"), "{path} is answered with {head}");
    Ok(body.to_owned())
}

/// Sends a request, and reads until the connection ends.
fn exchange(subject: &Subject, request: &str) -> anyhow::Result<String> {
    exchange_at(subject.http()?, request)
}

fn exchange_at(address: SocketAddr, request: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).with_context(|| format!("no end after {answer:?}"))?;
    Ok(answer)
}

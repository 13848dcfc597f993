//! Makes one run of `redis-benchmark`, and verifies it.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::cell::Cell;
use super::sample::RedisBenchmarkSample;
use crate::process;

/// Maximum duration of one run, which is many times the planned duration.
const LIMIT: Duration = Duration::from_secs(60);
/// Minimum duration of a warm-up run. A shorter run would not predict the rate of requests.
const LOOK: Duration = Duration::from_millis(200);
/// The factor by which each warm-up run has more requests than the one before.
const LOOK_FACTOR: u64 = 8;
/// Minimum number of requests of one run.
const REQUESTS_MIN: u64 = 1000;
const REQUESTS_MAX: u64 = 4_000_000;
/// Minimum number of requests in a run for each request that is in flight at the same time.
const REQUESTS_PER_SLOT: u64 = 5;

/// Sends `requests` requests to a server, and returns the measured figures.
///
/// # Errors
/// The reply to a request was an error, the time limit was exceeded, or `redis-benchmark` printed a warning.
pub(super) fn measure(
    server: SocketAddr,
    cell: Cell,
    requests: u64,
) -> anyhow::Result<RedisBenchmarkSample> {
    let output = process::capture_within(&mut command(server, cell, requests), LIMIT)?;
    let [text, warnings] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    let said = || text.lines().chain(warnings.lines()).rfind(|line| !line.trim().is_empty());
    ensure!(output.status.success(), "{}: {}", output.status, said().unwrap_or_default());
    ensure!(warnings.trim().is_empty(), "redis-benchmark warns: {}", warnings.trim());
    RedisBenchmarkSample::parse(&text).with_context(|| format!("redis-benchmark printed {text:?}"))
}

/// Warms a server up. Returns the number of requests that the server answers in `time`.
pub(super) fn requests_for(server: SocketAddr, cell: Cell, time: Duration) -> anyhow::Result<u64> {
    let mut requests = bounded(cell, 0.0);
    loop {
        let sample = measure(server, cell, requests)?;
        if is_telling(requests, &sample) {
            return Ok(bounded(cell, sample.rate * time.as_secs_f64()));
        }
        requests *= LOOK_FACTOR;
    }
}

#[expect(clippy::cast_precision_loss, reason = "some millions")]
fn is_telling(requests: u64, sample: &RedisBenchmarkSample) -> bool {
    requests >= REQUESTS_MAX || requests as f64 / sample.rate >= LOOK.as_secs_f64()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bounded by the limits"
)]
fn bounded(cell: Cell, requests: f64) -> u64 {
    let slots = u64::from(cell.clients) * u64::from(cell.depth) * REQUESTS_PER_SLOT;
    (requests as u64).clamp(slots.max(REQUESTS_MIN), REQUESTS_MAX)
}

fn command(server: SocketAddr, cell: Cell, requests: u64) -> Command {
    let mut command = Command::new("redis-benchmark");
    command.args(["-h", &server.ip().to_string(), "-p", &server.port().to_string(), "--csv"]);
    command.args(["-c", &cell.clients.to_string(), "-P", &cell.depth.to_string()]);
    command.args(["-n", &requests.to_string()]).args(cell.request.arguments());
    command
}

#[cfg(test)]
mod tests {
    use super::super::cell::BenchRequest;
    use super::*;

    const CELL: Cell = Cell { request: BenchRequest::Set(64), clients: 200, depth: 16 };

    #[test]
    fn the_whole_line() {
        let command = command("10.0.2.15:7379".parse().unwrap(), CELL, 70_000);
        assert_eq!(
            process::show(&command),
            "redis-benchmark -h 10.0.2.15 -p 7379 --csv -c 200 -P 16 -n 70000 -r 1000 -d 64 -t set"
        );
    }

    #[test]
    fn every_client_has_requests_within_the_bounds() {
        assert_eq!(bounded(CELL, 0.0), 16_000);
        assert_eq!(bounded(Cell { clients: 1, depth: 1, ..CELL }, 7.0), REQUESTS_MIN);
        assert_eq!(bounded(CELL, 123_456.7), 123_456);
        assert_eq!(bounded(CELL, 1e12), REQUESTS_MAX);
    }

    #[test]
    fn a_short_run_is_repeated_with_more_requests() {
        let sample = RedisBenchmarkSample { rate: 100_000.0, p50_us: 1.0, p99_us: 1.0 };
        assert!(!is_telling(19_000, &sample));
        assert!(is_telling(20_000, &sample));
        assert!(is_telling(REQUESTS_MAX, &RedisBenchmarkSample { rate: 1e9, ..sample }));
    }
}

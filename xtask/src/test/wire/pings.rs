//! Clients that send `PING` at a constant rate, and the latencies of the replies.

use std::fmt;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// The time between two requests of a client: 50 requests per second.
const EVERY: Duration = Duration::from_millis(20);

/// Latencies in ascending order.
#[derive(Clone, Debug, Default)]
pub(super) struct Times(Vec<Duration>);

impl Times {
    /// Sorts the latencies.
    pub(super) fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// Returns the quantile at `thousandths` of 1000.
    pub(super) fn quantile(&self, thousandths: usize) -> Duration {
        let at = self.0.len() * thousandths / 1000;
        self.0.get(at).or(self.0.last()).copied().unwrap_or_default()
    }

    /// Returns the maximum.
    pub(super) fn max(&self) -> Duration {
        self.quantile(1000)
    }

    /// Returns the number of latencies.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns how many latencies exceed a limit.
    pub(super) fn over(&self, limit: Duration) -> usize {
        self.0.iter().filter(|&&time| time > limit).count()
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        let [p50, p99, p999] = [500, 990, 999].map(|part| ms(self.quantile(part)));
        let (count, max) = (self.count(), ms(self.max()));
        write!(f, "n={count} p50={p50:.2} p99={p99:.2} p99.9={p999:.2} max={max:.2} ms")
    }
}

/// Sends 50 requests per second on each stream for `time`. A client that gets no reply sends no further
/// request, and its waiting time counts as a latency.
pub(super) fn run(streams: &[TcpStream], time: Duration) -> Times {
    let start = Instant::now();
    let client = |(number, stream): (usize, &TcpStream)| {
        // The first requests of the clients are spread over the interval.
        let share = u32::try_from(number).unwrap_or_default() * 7 % 20;
        one(stream, start + EVERY * share / 20, start + time)
    };
    let times = thread::scope(|scope| {
        let threads: Vec<_> = streams
            .iter()
            .enumerate()
            .map(|client_of| scope.spawn(move || client(client_of)))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    Times::new(times)
}

fn one(mut stream: &TcpStream, start: Instant, end: Instant) -> Vec<Duration> {
    let mut times = Vec::new();
    let mut due = start;
    while due < end {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let asked = Instant::now();
        let answered = stream.write_all(b"PING\r\n").and_then(|()| stream.read_exact(&mut [0; 7]));
        times.push(asked.elapsed());
        if answered.is_err() {
            break;
        }
        // Requests that were due during a wait are skipped.
        due = (due + EVERY).max(Instant::now());
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_times_of_the_list() {
        let times = Times::new((1..=100).rev().map(Duration::from_millis).collect());
        assert_eq!(times.quantile(500), Duration::from_millis(51));
        assert_eq!(times.max(), Duration::from_millis(100));
        assert_eq!(times.over(Duration::from_millis(98)), 2);
        assert_eq!(Times::default().max(), Duration::ZERO);
    }
}

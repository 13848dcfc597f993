//! A client that works normally during an abuse, and measures its delays.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::resp::{Client, Reply};
use crate::test::reports;

/// A client on its own thread. It repeats a `PING`, an allocation and a free.
#[derive(Debug)]
pub(super) struct Bystander {
    latencies: Arc<Mutex<Latencies>>,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<()>>,
}

/// The durations of the client's requests.
#[derive(Debug, Default)]
pub(super) struct Latencies {
    pub(super) pings: Vec<Duration>,
    /// The duration of each `VMALLOC` together with its `VFREE`.
    pub(super) pairs: Vec<Duration>,
}

impl Bystander {
    /// Connects, and starts the thread.
    pub(super) fn start(address: SocketAddr) -> anyhow::Result<Self> {
        let mut client = Client::connect(address)?;
        let latencies = Arc::new(Mutex::new(Latencies::default()));
        let is_over = Arc::new(AtomicBool::new(false));
        let (theirs, over) = (Arc::clone(&latencies), Arc::clone(&is_over));
        let work = move || {
            while !over.load(Ordering::Relaxed) {
                let (ping, pair) = once(&mut client).context("the client that works")?;
                let mut latencies = theirs.lock().unwrap_or_else(PoisonError::into_inner);
                latencies.pings.push(ping);
                latencies.pairs.push(pair);
            }
            Ok(())
        };
        Ok(Self { latencies, is_over, thread: std::thread::spawn(work) })
    }

    /// Returns the durations since the last call, in ascending order.
    pub(super) fn take(&self) -> anyhow::Result<Latencies> {
        ensure!(!self.thread.is_finished(), "the client that works gave up");
        let mut latencies =
            std::mem::take(&mut *self.latencies.lock().unwrap_or_else(PoisonError::into_inner));
        latencies.pings.sort_unstable();
        latencies.pairs.sort_unstable();
        Ok(latencies)
    }

    /// Ends the thread. Returns the error that the client had, if any.
    pub(super) fn end(self) -> anyhow::Result<()> {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .unwrap_or_else(|_| Err(anyhow::anyhow!("the client that works panicked")))
    }
}

fn once(client: &mut Client) -> anyhow::Result<(Duration, Duration)> {
    let start = Instant::now();
    let reply = client.call(&["PING"])?;
    let ping = start.elapsed();
    ensure!(reply == Reply::Status("PONG".to_owned()), "PING answers {}", reply.terminal());
    let start = Instant::now();
    let region = reports::allocated(client.call(&["VMALLOC", "4096"])?)?;
    reports::free(client, &[region.id])?;
    Ok((ping, start.elapsed()))
}

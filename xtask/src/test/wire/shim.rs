//! A link that delays, loses, reorders and duplicates frames, chosen by a seed. It is implemented here,
//! because not every kernel can emulate such a link.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::namespace::Namespace;
use crate::sys;
use crate::workload::Random;

/// The device at the far end of the link.
pub(super) const FAR: &str = "wire1";
/// The device at the near end of the link, which is a port of the bridge.
const NEAR: &str = "wire0";
/// Maximum length of a frame. The devices have no offload, so the kernel segments every packet to their MTU.
const FRAME_BYTES_MAX: usize = 2048;
/// Maximum time until the thread of the link notices that it must end.
const TICK: Duration = Duration::from_millis(20);

/// The faults of the link, which occur in each direction separately.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    /// Half of the round-trip time.
    pub(super) delay: Duration,
    /// Number of lost frames per 1000.
    pub(super) lost: u64,
    /// Number of frames per 1000 that are overtaken by later frames.
    pub(super) overtaken: u64,
    /// Number of frames per 1000 that are delivered twice.
    pub(super) doubled: u64,
    /// Maximum length of a frame that the link delivers. 0 means no limit.
    pub(super) bytes_max: usize,
}

/// A frame in flight. Frames are ordered by the time of their arrival.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Flight {
    due: Instant,
    number: u64,
    end: usize,
    frame: Vec<u8>,
}

/// The link. When this value is dropped, the link and both devices are removed.
#[derive(Debug)]
pub(super) struct Shim {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Shim {
    /// Creates a link from the bridge of the near network to a new device of the far network, which is up.
    pub(super) fn start(
        near: &Namespace,
        far: &Namespace,
        faults: Faults,
        seed: u64,
    ) -> anyhow::Result<Self> {
        let ends = [near.within(|| sys::open_tap(NEAR))?, far.within(|| sys::open_tap(FAR))?];
        near.ip(&format!("link set {NEAR} master br0"))?;
        near.ip(&format!("link set {NEAR} up"))?;
        far.ip(&format!("link set {FAR} up"))?;
        let is_over = Arc::new(AtomicBool::new(false));
        let cable = Cable {
            ends,
            faults,
            random: Random::new(seed, 0),
            flights: BinaryHeap::new(),
            number: 0,
        };
        let until = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            // If the link fails, it delivers no further frame. Every case detects that.
            let _ = cable.run(&until);
        });
        Ok(Self { is_over, thread: Some(thread) })
    }
}

impl Drop for Shim {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Cable {
    ends: [File; 2],
    faults: Faults,
    random: Random,
    flights: BinaryHeap<Reverse<Flight>>,
    number: u64,
}

impl Cable {
    fn run(mut self, is_over: &AtomicBool) -> std::io::Result<()> {
        let mut poll = Poll::new()?;
        for (number, end) in self.ends.iter().enumerate() {
            let descriptor = end.as_raw_fd();
            let mut source = SourceFd(&descriptor);
            poll.registry().register(&mut source, Token(number), Interest::READABLE)?;
        }
        let mut events = Events::with_capacity(2);
        while !is_over.load(Ordering::Relaxed) {
            let next = self.flights.peek().map(|Reverse(flight)| flight.due);
            let wait = next.map(|due| due.saturating_duration_since(Instant::now()));
            match poll.poll(&mut events, Some(wait.unwrap_or(TICK).min(TICK))) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            // An end may have more frames than its last event has reported, so both ends are read until they
            // are empty.
            for end in 0..self.ends.len() {
                self.take_off(end)?;
            }
            self.land()?;
        }
        Ok(())
    }

    /// Reads all frames from one end.
    fn take_off(&mut self, end: usize) -> std::io::Result<()> {
        let mut buffer = [0; FRAME_BYTES_MAX];
        loop {
            let mut file = &self.ends[end];
            match file.read(&mut buffer) {
                Ok(length) => self.send(1 - end, buffer.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Chooses the faults of a frame, and puts it into flight.
    fn send(&mut self, end: usize, frame: &[u8]) {
        let Faults { delay, lost, overtaken, doubled, bytes_max } = self.faults;
        if self.random.below(1000) < lost || bytes_max > 0 && frame.len() > bytes_max {
            return;
        }
        let mut due = Instant::now() + delay;
        if self.random.below(1000) < overtaken {
            due += delay / 4;
        }
        let copies = 1 + u64::from(self.random.below(1000) < doubled);
        for _ in 0..copies {
            self.number += 1;
            let flight = Flight { due, number: self.number, end, frame: frame.to_vec() };
            self.flights.push(Reverse(flight));
        }
    }

    /// Delivers the frames whose time of arrival has come.
    fn land(&mut self) -> std::io::Result<()> {
        let now = Instant::now();
        while self.flights.peek().is_some_and(|Reverse(flight)| flight.due <= now) {
            let Some(Reverse(flight)) = self.flights.pop() else { break };
            let mut file = &self.ends[flight.end];
            match file.write(&flight.frame) {
                // A device that is down accepts no frame.
                Err(error) if error.raw_os_error() == Some(libc::EIO) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                outcome => outcome.map(|_| ())?,
            }
        }
        Ok(())
    }
}

//! Errands: what the library is to do on another CPU, handed over, done there, and fetched.
//!
//! The other CPU sees nothing of the service, only the library. Its places are the same for every
//! service of a process, because whoever runs an errand is told a number and nothing else.

use core::fmt;
use core::sync::atomic::{AtomicU8, Ordering};

use runtime_config::limits::CPUS_MAX;
use spin::Mutex;
use vmalloc::{
    AllocateError, Audit, Machine, Protection, Purged, RegionError, RegionId, RegionInfo, Request,
    Resize, ResizeError, Resized, Vmalloc,
};

/// Has another CPU call `work` with a number; false if none has time.
pub type Lend<M> =
    fn(vm: &'static Vmalloc<M>, work: fn(&'static Vmalloc<M>, usize), argument: usize) -> bool;

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub(super) enum Errand {
    /// Allocate a region, with its zeroing, for nobody's ownership.
    Allocate(Request),
    /// Free a region.
    Free(RegionId),
    /// Resize a region.
    Resize(RegionId, Resize),
    /// Change the rights of a region.
    Protect(RegionId, Protection),
    /// Audit everything.
    Check,
    /// Flush and release what waits, and all that is kept for speed if so.
    Purge {
        /// Whether what is kept goes too.
        everything: bool,
    },
    /// Clear so many frames ahead of time.
    Fill(u64),
}

/// What came of it.
#[expect(clippy::large_enum_variant, reason = "one per CPU, and the heap is for what stays")]
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    Allocated(Result<RegionInfo, AllocateError>),
    Freed(Result<RegionInfo, RegionError>),
    Resized(Result<(RegionInfo, Resized), ResizeError>),
    Protected(Result<(), RegionError>),
    Checked(Audit),
    Purged(Purged),
    Done,
}

const FREE: u8 = 0;
const GIVEN: u8 = 1;
const DONE: u8 = 2;

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "as above")]
enum Content {
    Nothing,
    Errand(Errand),
    Outcome(Outcome),
}

struct Place {
    state: AtomicU8,
    content: Mutex<Content>,
}

/// No more errands are under way than there are CPUs.
static PLACES: [Place; CPUS_MAX] =
    [const { Place { state: AtomicU8::new(FREE), content: Mutex::new(Content::Nothing) } };
        CPUS_MAX];

/// An errand under way. Holding one is the duty to fetch what comes of it.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an errand that nobody fetches keeps its place"]
pub(super) struct Ticket(usize);

/// The errands of one service.
pub(super) struct Errands<M: Machine + 'static> {
    lend: Option<Lend<M>>,
    /// How many are under way.
    out: u32,
    /// How many were sent.
    pub(super) sent: u64,
}

impl<M: Machine> Errands<M> {
    /// Nobody to send yet.
    pub(super) fn new() -> Self {
        Self { lend: None, out: 0, sent: 0 }
    }

    /// Tells who can be sent.
    pub(super) fn set_lend(&mut self, lend: Lend<M>) {
        self.lend = Some(lend);
    }

    /// Whether there is anybody who could be sent.
    pub(super) fn can_be_sent(&self) -> bool {
        self.lend.is_some()
    }

    /// Whether none is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.out == 0
    }

    /// Sends somebody, if anybody has time.
    pub(super) fn send(&mut self, vm: &'static Vmalloc<M>, errand: Errand) -> Option<Ticket> {
        let lend = self.lend?;
        let free = |place: &Place| {
            // Acquire: pairs with `fetch`, on whatever service's side that was.
            let (success, failure) = (Ordering::Acquire, Ordering::Relaxed);
            place.state.compare_exchange(FREE, GIVEN, success, failure).is_ok()
        };
        let number = PLACES.iter().position(free)?;
        *PLACES[number].content.lock() = Content::Errand(errand);
        if !lend(vm, run, number) {
            PLACES[number].state.store(FREE, Ordering::Release);
            return None;
        }
        self.out += 1;
        self.sent += 1;
        Some(Ticket(number))
    }

    /// What came of an errand, once; the ticket back if it is still under way.
    pub(super) fn fetch(&mut self, ticket: Ticket) -> Result<Outcome, Ticket> {
        let place = &PLACES[ticket.0];
        // Acquire: pairs with `run`: what was done is seen.
        if place.state.load(Ordering::Acquire) != DONE {
            return Err(ticket);
        }
        let content = core::mem::replace(&mut *place.content.lock(), Content::Nothing);
        place.state.store(FREE, Ordering::Release);
        self.out -= 1;
        match content {
            Content::Outcome(outcome) => Ok(outcome),
            other => unreachable!("an errand that is done left {other:?}"),
        }
    }
}

impl<M: Machine> fmt::Debug for Errands<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Errands({} under way)", self.out)
    }
}

/// Runs the errand in a place, on whatever CPU this is.
fn run<M: Machine>(vm: &'static Vmalloc<M>, number: usize) {
    let Some(place) = PLACES.get(number) else { return };
    let content = core::mem::replace(&mut *place.content.lock(), Content::Nothing);
    let Content::Errand(errand) = content else { return };
    *place.content.lock() = Content::Outcome(act(vm, errand));
    // Release: pairs with `fetch`.
    place.state.store(DONE, Ordering::Release);
}

/// Purges, and gives all back that is kept for speed if so.
pub(super) fn purge<M: Machine>(vm: &Vmalloc<M>, everything: bool) -> Purged {
    if everything { vm.reclaim() } else { vm.purge() }
}

fn act<M: Machine>(vm: &'static Vmalloc<M>, errand: Errand) -> Outcome {
    match errand {
        Errand::Allocate(request) => Outcome::Allocated(vm.allocate(&request).map(|region| {
            let info = region.info();
            let _ = region.into_raw();
            info
        })),
        Errand::Free(id) => Outcome::Freed(vm.vfree(id)),
        Errand::Resize(id, wish) => Outcome::Resized(vm.resize(id, &wish)),
        Errand::Protect(id, protection) => Outcome::Protected(vm.protect(id, protection)),
        Errand::Check => Outcome::Checked(vm.check()),
        Errand::Purge { everything } => Outcome::Purged(purge(vm, everything)),
        Errand::Fill(frames) => {
            vm.fill_zeroed(frames);
            Outcome::Done
        }
    }
}

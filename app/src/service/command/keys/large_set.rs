//! `MSET` and `MSETNX` of many keys or large values, served atomically in slices over several
//! turns.
//!
//! The request takes three passes over its arguments. The first pass checks the names and the
//! limits. The second pass allocates a region for each value. The third pass publishes the regions
//! under their names and frees the old values. Only the first two passes can fail, and no key
//! changes before the third pass.
//!
//! From its beginning to its end, the request excludes requests of other sessions that could
//! observe or change keys, as a transaction does. No client therefore observes a partial result,
//! and no other request uses the space that the first pass has checked. The new regions are the
//! newest regions of their session. If the connection ends before the third pass, they are freed
//! with the session. If the connection ends during the third pass, it is kept until that pass is
//! complete.
//!
//! The limits count the new values in full, without credit for the old ones, because old and new
//! values exist together for several turns.

use vmalloc::{Access, RegionId, RegionInfo};

use super::set::request;
use crate::resp::ArgumentCursor;
use crate::service::call::{Begun, Call};
use crate::service::command::walk::SLICE;
use crate::service::failure::{Failure, Word};
use crate::service::parse::key::key as checked_key;
use crate::service::store::names::Names;
use crate::service::store::{self, Publication};

/// Number of bytes of a value that cost one unit of a slice.
const UNIT_BYTES: usize = 4096;

/// The progress of an `MSET` or `MSETNX` that is served in slices.
#[derive(Debug)]
pub(in crate::service) struct LargeSet {
    pass: Pass,
    /// The position of the next key and value in the arguments.
    next: ArgumentCursor,
    /// The pages, new names and name parts of the checked pairs.
    pages: u64,
    names: usize,
    parts: usize,
    /// The region of the next pair to publish or to free. The regions of later pairs are newer.
    oldest: Option<RegionId>,
    /// The region of the pair that is being written, and the number of bytes already written into
    /// it.
    begun: Option<(RegionInfo, usize)>,
}

impl LargeSet {
    /// Returns whether some keys were set already. The remaining keys must then be set too.
    pub(in crate::service) fn is_publishing(&self) -> bool {
        matches!(self.pass, Pass::Publish)
    }
}

#[derive(Debug)]
enum Pass {
    Check,
    Make,
    Publish,
    /// Frees the allocated regions, and then reports the failure.
    Undo(Failure),
}

/// Continues the request by one slice. Returns whether the keys were set, or how the request
/// continues.
///
/// # Errors
///
/// The reason why the request was refused. No key was set.
pub(super) fn set_all<M: Access>(
    call: &mut Call<'_, '_, M>,
    resumed: Option<LargeSet>,
    only_new: bool,
) -> Result<SetBegun, Failure> {
    let start = call.arguments.cursor(1);
    let mut set = match resumed {
        Some(set) => set,
        None if !begin(call) => return Ok(SetBegun::Later(Begun::Wait(None))),
        None => LargeSet {
            pass: Pass::Check,
            next: start,
            pages: 0,
            names: 0,
            parts: 0,
            oldest: None,
            begun: None,
        },
    };
    let mut left = SLICE;
    let done = loop {
        let outcome = match &set.pass {
            Pass::Check => check(call, &mut set, only_new, &mut left),
            Pass::Make => make(call, &mut set, &mut left),
            Pass::Publish => publish(call, &mut set, &mut left),
            Pass::Undo(failure) => {
                let failure = failure.clone();
                undo(call, &mut set, &mut left).map_or(Ok(PassStep::Pause), |()| Err(failure))
            }
        };
        match outcome {
            Ok(PassStep::Pause) => return Ok(SetBegun::Later(Begun::Again(set))),
            Ok(PassStep::Pass(pass)) => {
                set.pass = pass;
                set.next = start;
            }
            Ok(PassStep::Done(is_set)) => break Ok(SetBegun::Done(is_set)),
            Err(failure) => break Err(failure),
        }
    };
    if !call.session.is_executing() {
        call.parts.workers.exclusive = 0;
    }
    done
}

/// The outcome of a request that sets several keys.
#[expect(clippy::large_enum_variant, reason = "it lives for one call")]
pub(super) enum SetBegun {
    /// The request is complete. The field tells whether the keys were set.
    Done(bool),
    /// The request continues in later turns.
    Later(Begun<LargeSet>),
}

enum PassStep {
    /// The slice is used up, and the request continues in a later turn.
    Pause,
    /// The next pass begins.
    Pass(Pass),
    /// The request is complete. The field tells whether the keys were set.
    Done(bool),
}

/// Begins to exclude requests of other sessions. Returns `false` if the request must first wait for
/// operations on APs to complete.
fn begin<M: Access>(call: &mut Call<'_, '_, M>) -> bool {
    let (workers, session) = (&mut call.parts.workers, call.session.owner.number);
    if call.session.is_executing() {
        return true;
    }
    if workers.has_aps() && !workers.hold(session) {
        return false;
    }
    workers.exclusive = session;
    true
}

fn check<M: Access>(
    call: &mut Call<'_, '_, M>,
    set: &mut LargeSet,
    only_new: bool,
    left: &mut u64,
) -> Result<PassStep, Failure> {
    while let Some((key, value)) = pair(call, &mut set.next) {
        checked_key(key)?;
        set.pages = set.pages.saturating_add(request(value)?.pages().get());
        match call.parts.store.names.find(key) {
            Some(_) if only_new => return Ok(PassStep::Done(false)),
            Some(_) => {}
            // A new name that occurs twice in the request is counted twice.
            None => {
                set.names += 1;
                set.parts += Names::parts(key.len());
            }
        }
        *left = left.saturating_sub(1);
        if *left == 0 {
            return Ok(PassStep::Pause);
        }
    }
    store::admit_sum(&call.parts.store, set.pages, set.names, set.parts)?;
    Ok(PassStep::Pass(Pass::Make))
}

fn make<M: Access>(
    call: &mut Call<'_, '_, M>,
    set: &mut LargeSet,
    left: &mut u64,
) -> Result<PassStep, Failure> {
    loop {
        let here = set.next;
        let Some((_, value)) = pair(call, &mut set.next) else {
            return Ok(PassStep::Pass(Pass::Publish));
        };
        // The region of an empty value has one byte.
        let value = if value.is_empty() { &[0] } else { value };
        match write(call, set, value, left) {
            Ok(true) => *left = left.saturating_sub(1),
            Ok(false) => set.next = here,
            Err(failure) => return Ok(PassStep::Pass(Pass::Undo(failure))),
        }
        if *left == 0 {
            return Ok(PassStep::Pause);
        }
    }
}

/// Writes as much of a value into its region as the slice allows. Returns whether the value is
/// complete.
fn write<M: Access>(
    call: &mut Call<'_, '_, M>,
    set: &mut LargeSet,
    value: &[u8],
    left: &mut u64,
) -> Result<bool, Failure> {
    let store = &mut call.parts.store;
    let (info, done) = match set.begun.take() {
        Some(begun) => begun,
        None => {
            let refused = |error| Failure::Allocate(error, Word::new(b"value"));
            let region = store.vm.allocate(&request(value)?).map_err(refused)?;
            let info = region.info();
            let _ = region.into_raw();
            store.note_in_flight(store.ledger.of_place(call.session.owner.place), &info);
            set.oldest = set.oldest.or(Some(info.id));
            (info, 0)
        }
    };
    let room = usize::try_from(*left).unwrap_or(usize::MAX).saturating_mul(UNIT_BYTES);
    let piece = &value[done..value.len().min(done.saturating_add(room))];
    store.write(&info, done as u64, piece)?;
    *left = left.saturating_sub((piece.len() / UNIT_BYTES) as u64);
    let done = done + piece.len();
    if done < value.len() {
        set.begun = Some((info, done));
    }
    Ok(done == value.len())
}

fn publish<M: Access>(
    call: &mut Call<'_, '_, M>,
    set: &mut LargeSet,
    left: &mut u64,
) -> Result<PassStep, Failure> {
    while let Some((key, value)) = pair(call, &mut set.next) {
        let store = &mut call.parts.store;
        let Some(id) = set.oldest else {
            debug_assert!(false, "each pair has a region");
            break;
        };
        let (info, publication) = (store.vm.info(id)?, Publication::of(key));
        let pages = info.range.count().get();
        set.oldest = store.ledger.newer(id);
        let demand = store.demand(call.session.owner, &publication, pages)?;
        let freed = demand.replaced_pages();
        store.publish(id, &publication, demand.taken());
        store.ledger.set_empty(id, value.is_empty());
        *left = left.saturating_sub(1 + freed);
        if *left == 0 {
            return Ok(PassStep::Pause);
        }
    }
    Ok(PassStep::Done(true))
}

/// Frees the allocated regions, as far as the slice permits. Returns `None` if some are left.
fn undo<M: Access>(call: &mut Call<'_, '_, M>, set: &mut LargeSet, left: &mut u64) -> Option<()> {
    while let Some(id) = set.oldest {
        if *left == 0 {
            return None;
        }
        set.oldest = call.parts.store.ledger.newer(id);
        *left = left.saturating_sub(1 + call.parts.store.give_up(id));
    }
    Some(())
}

/// Returns the key and the value at `next`, and advances `next` to the following pair.
fn pair<'a, M: Access>(
    call: &Call<'a, '_, M>,
    next: &mut ArgumentCursor,
) -> Option<(&'a [u8], &'a [u8])> {
    let arguments = call.arguments;
    Some((arguments.next(next)?, arguments.next(next)?))
}

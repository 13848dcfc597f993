//! `VCHECK` and `VPURGE`.

use core::fmt::Write;

use arrayvec::ArrayString;
use vmalloc::{Access, Audit, FlushKind, Purged};

use crate::resp::Reply;
use crate::service::call::{Begun, Call, Step, Stepped};
use crate::service::failure::{Failure, Word};
use crate::service::parts::Parts;
use crate::service::workers::{self, Completion, Cost, Operation, Placement, Ticket};

/// Maximum bytes of the violations in the reply of one audit.
const VIOLATION_BYTES_MAX: usize = 400;

/// An audit that runs on an AP, and the time when it began, in microseconds since boot.
#[derive(Debug)]
pub(in crate::service) struct Auditing(Ticket, u64);

/// A purge that runs on an AP.
#[derive(Debug)]
pub(in crate::service) struct Purging(Ticket);

/// Serves `VCHECK [FULL]`: replies with `OK` and counts, or with the violations found. The audit
/// also compares the number of the service's records with the number of regions in the window.
pub(in crate::service) fn vcheck<M: Access>(
    call: &mut Call<'_, '_, M>,
) -> Result<Begun<Auditing>, Failure> {
    let is_full = has_option(call, b"FULL")?;
    let session = call.session.owner.number;
    let Parts { store, workers, .. } = &mut *call.parts;
    if workers.place(Cost::Window) == Placement::Ap {
        if !workers.hold(session) {
            return Ok(Begun::Wait(None));
        }
        let start_us = store.clock.read_us();
        // With `FULL`, or if no AP is idle, the BSP audits the window itself, and serves no other
        // request during the audit.
        if !is_full && let Some(ticket) = workers.submit(store.vm, session, Operation::Check) {
            workers.is_checking = true;
            return Ok(Begun::Pending(Auditing(ticket, start_us)));
        }
    }
    let (audit, us) = store.clock.timed(|| store.vm.check());
    reply_audit(call.parts, &audit, us, call.reply);
    Ok(Begun::Answered)
}

/// Returns whether the command has its only possible option. Fails on any other word.
fn has_option<M: Access>(call: &Call<'_, '_, M>, option: &[u8]) -> Result<bool, Failure> {
    match call.arguments.get(1) {
        None => Ok(false),
        Some(word) if word.eq_ignore_ascii_case(option) => Ok(true),
        Some(word) => Err(Failure::Option(Word::new(word))),
    }
}

fn reply_audit<M: Access>(parts: &mut Parts<M>, audit: &Audit, us: u64, reply: &mut Reply<'_>) {
    let noted = parts.store.ledger.count();
    if !audit.is_sound() || noted != audit.areas {
        parts.metrics.counters.errors += 1;
        let mut text = ArrayString::<VIOLATION_BYTES_MAX>::new();
        // A text that does not fit is cut: the first violation is the most important one.
        let _ = write!(text, "count={}", audit.violation_count());
        if noted != audit.areas {
            let _ = write!(text, "; ledger has {noted} regions of {}", audit.areas);
        }
        for violation in audit.violations() {
            let _ = write!(text, "; {violation}");
        }
        reply.error(format_args!("VIOLATION {text}"));
        return;
    }
    reply.status_of(format_args!(
        "OK areas={} lazy={} frames_used={} table_pages={} generation={} us={us}",
        audit.areas, audit.areas_lazy, audit.frames_used, audit.table_pages, audit.generation
    ));
}

impl Auditing {
    /// Replies when the audit has ended.
    pub(in crate::service) fn step<M: Access>(
        self,
        step: &mut Step<'_, '_, M>,
    ) -> Result<Stepped<Self>, Failure> {
        let Self(ticket, start_us) = self;
        match step.parts.workers.poll(ticket) {
            Err(ticket) => Ok(Stepped::Waiting(Self(ticket, start_us))),
            Ok(Completion::Checked(audit)) => {
                step.parts.workers.is_checking = false;
                let us = step.parts.store.clock.read_us().saturating_sub(start_us);
                reply_audit(step.parts, &audit, us, step.reply);
                Ok(Stepped::Answered)
            }
            Ok(other) => unreachable!("an audit completed as {other:?}"),
        }
    }

    /// Collects the result of the audit, because the connection has ended. Allocations are
    /// permitted again once the audit has ended; until then the state is returned.
    pub(in crate::service) fn cancel<M: Access>(self, parts: &mut Parts<M>) -> Option<Self> {
        let Self(ticket, start_us) = self;
        match parts.workers.poll(ticket) {
            Err(ticket) => Some(Self(ticket, start_us)),
            Ok(_) => {
                parts.workers.is_checking = false;
                None
            }
        }
    }
}

/// Serves `VPURGE [SYNC]`: replies with the number of purged areas and pages and the kind of flush.
/// `SYNC` also releases the caches of the library: pooled addresses and empty page tables.
pub(in crate::service) fn vpurge<M: Access>(
    call: &mut Call<'_, '_, M>,
) -> Result<Begun<Purging>, Failure> {
    let everything = has_option(call, b"SYNC")?;
    let Parts { store, workers, .. } = &mut *call.parts;
    if workers.place(Cost::Window) == Placement::Ap {
        let operation = Operation::Purge { everything };
        let ticket = workers.submit(store.vm, call.session.owner.number, operation);
        return Ok(ticket.map_or(Begun::Wait(None), |ticket| Begun::Pending(Purging(ticket))));
    }
    reply_purged(&workers::purge(store.vm, everything), call.reply);
    Ok(Begun::Answered)
}

fn reply_purged(purged: &Purged, reply: &mut Reply<'_>) {
    reply.array(3);
    reply.integer(purged.areas);
    reply.integer(purged.pages);
    reply.bulk(match purged.flush {
        FlushKind::None => b"none",
        FlushKind::Pages => b"pages",
        FlushKind::Full => b"full",
    });
}

impl Purging {
    /// Replies when the purge has ended.
    pub(in crate::service) fn step<M: Access>(
        self,
        step: &mut Step<'_, '_, M>,
    ) -> Result<Stepped<Self>, Failure> {
        match step.parts.workers.poll(self.0) {
            Err(ticket) => Ok(Stepped::Waiting(Self(ticket))),
            Ok(Completion::Purged(purged)) => {
                reply_purged(&purged, step.reply);
                Ok(Stepped::Answered)
            }
            Ok(other) => unreachable!("a purge completed as {other:?}"),
        }
    }

    /// Collects the result of the purge, because the connection has ended. Returns the state while
    /// the purge is in progress.
    pub(in crate::service) fn cancel<M: Access>(self, parts: &mut Parts<M>) -> Option<Self> {
        parts.workers.poll(self.0).err().map(Self)
    }
}

//! `VCHECK` and `VPURGE`.

use core::fmt::Write;

use arrayvec::ArrayString;
use vmalloc::{Audit, FlushKind, Machine, Purged};

use super::Service;
use super::away::Then;
use super::call::Call;
use super::errand::{self, Errand};
use super::failure::{Failure, Word};
use crate::resp::Reply;

/// Bytes that the violations of one audit may take: the reply stays small.
const VIOLATION_BYTES_MAX: usize = 400;

/// `VCHECK`: `OK` and counts, or what is wrong. The service's own notes are audited too.
pub(super) fn vcheck<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let is_full = match call.arguments.get(1) {
        None => false,
        Some(option) if option.eq_ignore_ascii_case(b"FULL") => true,
        Some(option) => return Err(Failure::Option(Word::new(option))),
    };
    let service = &mut *call.service;
    if service.errands.can_be_sent() {
        if !service.hold(call.session) {
            return Ok(());
        }
        let start_us = service.clock.map_or(0, |clock| clock());
        if !is_full && service.send(call.session, Errand::Check, Then::Tell { start_us }) {
            service.is_checking = true;
            return Ok(());
        }
        // Nobody runs who could be sent, or it is to be made while nobody else does anything.
        call.session.job = None;
    }
    let (audit, us) = service.timed(|| service.vm.check());
    tell(service, &audit, us, call.reply);
    Ok(())
}

/// Says what an audit found, here or on another CPU.
pub(super) fn tell<M: Machine>(
    service: &mut Service<M>,
    audit: &Audit,
    us: u64,
    reply: &mut Reply<'_>,
) {
    let noted = service.ledger.count();
    if !audit.is_sound() || noted != audit.areas {
        service.counters.errors += 1;
        let mut text = ArrayString::<VIOLATION_BYTES_MAX>::new();
        // What does not fit is cut: the first violation counts most.
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

/// `VPURGE [SYNC]`: areas, pages, kind of flush. With `SYNC` all that is kept for speed is given back
/// too: pooled addresses, empty tables.
pub(super) fn vpurge<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let everything = match call.arguments.get(1) {
        None => false,
        Some(option) if option.eq_ignore_ascii_case(b"SYNC") => true,
        Some(option) => return Err(Failure::Option(Word::new(option))),
    };
    let service = &mut *call.service;
    if service.errands.can_be_sent() {
        // Who must wait for others is served again.
        let _ = service.send(call.session, Errand::Purge { everything }, Then::Count);
        return Ok(());
    }
    count(&errand::purge(service.vm, everything), call.reply);
    Ok(())
}

/// Says what was released, here or on another CPU.
pub(super) fn count(purged: &Purged, reply: &mut Reply<'_>) {
    reply.array(3);
    reply.integer(purged.areas);
    reply.integer(purged.pages);
    reply.bulk(match purged.flush {
        FlushKind::None => b"none",
        FlushKind::Pages => b"pages",
        FlushKind::Full => b"full",
    });
}

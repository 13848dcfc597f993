//! `VCHECK` and `VPURGE`.

use core::fmt::Write;

use arrayvec::ArrayString;
use vmalloc::{FlushKind, Machine};

use super::call::Call;
use super::failure::{Failure, Word};

/// Bytes that the violations of one audit may take: the reply stays small.
const VIOLATION_BYTES_MAX: usize = 400;

/// `VCHECK`: `OK` and counts, or what is wrong. The service's own notes are audited too.
pub(super) fn vcheck<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    if call.arguments.count() > 1 {
        return Err(if call.argument(1).eq_ignore_ascii_case(b"FULL") {
            Failure::NotServed("FULL")
        } else {
            Failure::Option(Word::new(call.argument(1)))
        });
    }
    let service = &*call.service;
    let (audit, us) = service.timed(|| service.vm.check());
    let noted = service.ledger.count();
    if !audit.is_sound() || noted != audit.areas {
        call.service.counters.errors += 1;
        let mut text = ArrayString::<VIOLATION_BYTES_MAX>::new();
        // What does not fit is cut: the first violation counts most.
        let _ = write!(text, "count={}", audit.violation_count());
        if noted != audit.areas {
            let _ = write!(text, "; ledger has {noted} regions of {}", audit.areas);
        }
        for violation in audit.violations() {
            let _ = write!(text, "; {violation}");
        }
        call.reply.error(format_args!("VIOLATION {text}"));
        return Ok(());
    }
    call.reply.status_of(format_args!(
        "OK areas={} lazy={} frames_used={} table_pages={} generation={} us={us}",
        audit.areas, audit.areas_lazy, audit.frames_used, audit.table_pages, audit.generation
    ));
    Ok(())
}

/// `VPURGE [SYNC]`: areas, pages, kind of flush. With `SYNC` all that is kept for speed is given back
/// too: pooled addresses, empty tables.
pub(super) fn vpurge<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let vm = call.service.vm;
    let purged = match call.arguments.get(1) {
        None => vm.purge(),
        Some(option) if option.eq_ignore_ascii_case(b"SYNC") => vm.reclaim(),
        Some(option) => return Err(Failure::Option(Word::new(option))),
    };
    call.reply.array(3);
    call.reply.integer(purged.areas);
    call.reply.integer(purged.pages);
    call.reply.bulk(match purged.flush {
        FlushKind::None => b"none",
        FlushKind::Pages => b"pages",
        FlushKind::Full => b"full",
    });
    Ok(())
}

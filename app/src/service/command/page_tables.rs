//! `VPTE` and `VWALK`: show the page-table entries of regions and addresses.

use vmalloc::{Access, Entry, PAGE_BYTES};
use x86_64::PhysAddr;

use crate::resp::Reply;
use crate::service::call::Call;
use crate::service::failure::Failure;
use crate::service::parse::address;
use crate::service::store;

/// Minimum length of a row of `VPTE` in bytes: an address and three digits in a bulk string.
const ROW_BYTES_MIN: u64 = 31;

/// Serves `VPTE <r> [offset pages]`: replies with a row `va level pa flags` for each page.
pub(in crate::service) fn vpte<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let info = call.region(call.argument(1))?;
    let mapped = info.range.count().get();
    let (first, count) = match call.arguments.count() {
        2 => (0, mapped),
        4 => {
            let offset = call.size(2, "an offset is a number of bytes")?;
            (offset / PAGE_BYTES, call.number(3, "pages are a number")?)
        }
        _ => return Err(Failure::Malformed("VPTE takes a region, or a region, offset and pages")),
    };
    if first.checked_add(count).is_none_or(|end| end > mapped) {
        return Err(Failure::Range {
            place: call.parts.store.name_of(info.id),
            offset: first.saturating_mul(PAGE_BYTES),
            length: count.saturating_mul(PAGE_BYTES),
            requested: info.requested,
        });
    }
    call.check_length(count, ROW_BYTES_MIN, ", use offset and pages")?;
    call.reply.array(usize::try_from(count).unwrap_or(usize::MAX));
    for page in first..first + count {
        let address = info.range.address() + page * PAGE_BYTES;
        let walk = call.parts.store.vm.walk(address);
        let (level, entry) = match walk.last() {
            Some((level, entry)) => (level, Some(entry)),
            None => (4, None),
        };
        // Each page that a large leaf maps has its own frame address, which differs from that of
        // the leaf.
        let frame = walk.translation();
        row(call.reply, format_args!("{address:#018x} {level}"), entry, frame);
        if call.exceeds_limit() {
            break;
        }
    }
    Ok(())
}

/// Serves `VWALK address`: replies with a row `level pa flags` for each of the four levels.
pub(in crate::service) fn vwalk<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let address = address::parse(call.argument(1))?;
    let walk = store::walk(call.parts.store.vm, address);
    call.reply.array(walk.entries.len());
    for (level, entry) in (1..=walk.entries.len()).rev().zip(walk.entries) {
        let frame = entry.map(|entry| entry.frame().start_address());
        row(call.reply, format_args!("{level}"), entry, frame);
    }
    Ok(())
}

fn row(
    reply: &mut Reply<'_>,
    front: core::fmt::Arguments<'_>,
    entry: Option<Entry>,
    frame: Option<PhysAddr>,
) {
    match entry.filter(|entry| entry.is_present()).zip(frame) {
        Some((entry, frame)) => reply.bulk_of(format_args!("{front} {frame:#018x} {entry}")),
        None => reply.bulk_of(format_args!("{front} - -")),
    }
}

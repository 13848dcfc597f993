//! `VINFO`, `VLIST` and `VMALLOCINFO`: list the regions in the window.

use core::fmt::{self, Write};

use vmalloc::{Access, Cursor, RegionInfo, RegionState};
use x86_64::VirtAddr;

use crate::resp::{self, Reply};
use crate::service::call::Call;
use crate::service::failure::{Failure, Word};
use crate::service::parse::{cursor, protection};
use crate::service::store::Store;
use crate::service::store::names::NameText;

/// Size in bytes of the memory that a page-table leaf of level 2 maps.
const LARGE_BYTES: usize = 2 << 20;

/// Default number of rows in a page of `VLIST`.
const LIST_COUNT: u64 = 100;

/// Minimum length of a row of `VMALLOCINFO` in bytes: two addresses, a size and ` unpurged
/// vm_area`.
const TEXT_ROW_BYTES_MIN: u64 = 63;

/// Minimum length of a row of `VLIST` in bytes: the headers of seven items, and an address.
const LIST_ROW_BYTES_MIN: u64 = 60;

/// Maximum number of rows of other owners that one `VLIST` skips. A page with an `OWNER` may
/// therefore have fewer rows than requested.
const SKIPPED_MAX: u64 = 1000;

/// Serves `VINFO <r>`: replies with a map of names and values.
pub(in crate::service) fn vinfo<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let info = {
        let store = &call.parts.store;
        store.any(store.id(call.argument(1))?)?
    };
    let store = &call.parts.store;
    let name = store.ledger.name(info.id).map(|name| store.names.text(name));
    let born_s = store.ledger.born_s(info.id).map_or(0, u64::from);
    let age_s = (store.clock.now_us / 1_000_000).saturating_sub(born_s);
    call.reply.map_by(|reply| {
        let mut fields = InfoFields { reply, pairs: 0 };
        fields.number(format_args!("id"), info.id.get());
        // The name is written without escape sequences, so that a program can use it in `@name`.
        fields.bytes("name", name);
        fields.text("address", format_args!("{:#x}", info.range.address()));
        fields.text("end", format_args!("{:#x}", info.range.end()));
        fields.number(format_args!("size"), info.range.count().bytes());
        fields.number(format_args!("requested"), info.requested);
        fields.number(format_args!("pages"), info.range.count().get());
        fields.number(format_args!("huge"), large_leaves(store, &info));
        fields.text("prot", format_args!("{}", protection::name(info.protection)));
        let flags = if info.system { "vmalloc system" } else { "vmalloc" };
        fields.text("flags", format_args!("{flags}"));
        let nodes = store.vm.frames_per_node(&info).into_iter().enumerate();
        for (node, frames) in nodes.filter(|(_, frames)| *frames > 0) {
            fields.number(format_args!("N{node}"), frames);
        }
        fields.number(format_args!("owner"), info.owner);
        fields.text("caller", format_args!("{}", info.caller));
        fields.number(format_args!("age"), age_s);
        if let Some(until_us) = store.ledger.lease(info.id) {
            let us = until_us.saturating_sub(store.clock.now_us);
            fields.number(format_args!("lease_ms"), us.div_ceil(1000));
        }
        fields.pairs
    });
    Ok(())
}

/// The names and values of a flat map.
struct InfoFields<'a, 'r> {
    reply: &'a mut Reply<'r>,
    pairs: usize,
}

impl InfoFields<'_, '_> {
    fn text(&mut self, name: &str, value: fmt::Arguments<'_>) {
        self.reply.bulk(name.as_bytes());
        self.reply.bulk_of(value);
        self.pairs += 1;
    }

    fn bytes(&mut self, name: &str, value: Option<NameText<'_>>) {
        self.reply.bulk(name.as_bytes());
        self.reply.bulk_of_pieces(
            value.map_or(0, |value| value.length()),
            value.iter().flat_map(NameText::pieces),
        );
        self.pairs += 1;
    }

    fn number(&mut self, name: fmt::Arguments<'_>, value: u64) {
        self.reply.bulk_of(name);
        self.reply.integer(value);
        self.pairs += 1;
    }
}

/// Serves `VLIST [CURSOR c] [COUNT n] [OWNER o] [STATE busy|lazy|all]`: replies with the next
/// cursor and a page of rows. Busy regions come first, by address, and lazy areas follow, by slot.
///
/// A cursor is the number of a [`Cursor`] in hexadecimal. As in `SCAN`, 0 means the beginning in a
/// request and the end in a reply. The two meanings do not conflict: [`Cursor::LAZY`] has the
/// number 0, and no page ends there.
pub(in crate::service) fn vlist<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let listing = Listing::parse(call.arguments.iter().skip(1))?;
    if listing.from == Cursor::START && listing.owner.is_none() {
        let rows = rows(&call.parts.store, listing.busy, listing.lazy).min(listing.count);
        call.check_length(rows, LIST_ROW_BYTES_MIN, ", use a smaller COUNT")?;
    }
    let store = &call.parts.store;
    let reply_bytes_max = call.reply_bytes_max;
    let mut cursor = Some(listing.from);
    let (mut rows, mut skipped) = (0, 0);
    let mark = call.reply.mark();
    call.reply.array_by(|reply| {
        while let Some(from) = cursor {
            let area = store.vm.next_area(from).filter(|(info, _)| listing.shows(info));
            let is_full = rows == listing.count || skipped == SKIPPED_MAX;
            if area.is_some() && (is_full || reply.length() > reply_bytes_max) {
                break;
            }
            cursor = area.map(|(info, next)| {
                if listing.owner.is_none_or(|owner| owner == info.owner && !info.system) {
                    list_row(store, &info, reply);
                    rows += 1;
                } else {
                    skipped += 1;
                }
                next
            });
        }
        usize::try_from(rows).unwrap_or(usize::MAX)
    });
    call.reply.prepend(mark, |reply| {
        reply.array(2);
        match cursor {
            Some(cursor) => reply.bulk_hex(cursor.get()),
            None => reply.bulk(b"0"),
        }
    });
    Ok(())
}

/// The options of a `VLIST`.
struct Listing {
    from: Cursor,
    count: u64,
    /// The owner of the rows; `None` selects all owners.
    owner: Option<u64>,
    busy: bool,
    lazy: bool,
}

impl Listing {
    fn parse<'a>(mut words: impl Iterator<Item = &'a [u8]>) -> Result<Self, Failure> {
        let mut listing =
            Self { from: Cursor::START, count: LIST_COUNT, owner: None, busy: true, lazy: true };
        while let Some(word) = words.next() {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            if !(is("CURSOR") || is("COUNT") || is("STATE") || is("OWNER")) {
                return Err(Failure::Option(Word::new(word)));
            }
            let value = words.next().ok_or_else(|| Failure::NoValue(Word::new(word)))?;
            let invalid = |what| Failure::Invalid(what, Word::new(value));
            if is("CURSOR") {
                listing.from = cursor::parse(value)
                    .ok_or_else(|| invalid("CURSOR is 0 or what VLIST gave"))?;
            } else if is("OWNER") {
                let owner = resp::decimal(value);
                listing.owner =
                    Some(owner.ok_or_else(|| invalid("OWNER is a number, 0 has names"))?);
            } else if is("COUNT") {
                let count = resp::decimal(value).filter(|count| *count > 0);
                listing.count = count.ok_or_else(|| invalid("COUNT is a number above 0"))?;
            } else {
                let names = [("busy", true, false), ("lazy", false, true), ("all", true, true)];
                let state = names
                    .into_iter()
                    .find(|(name, ..)| value.eq_ignore_ascii_case(name.as_bytes()));
                (_, listing.busy, listing.lazy) =
                    state.ok_or_else(|| invalid("STATE is busy, lazy or all"))?;
            }
        }
        if !listing.busy && is_living(listing.from) {
            listing.from = Cursor::LAZY;
        }
        Ok(listing)
    }

    /// Returns whether the listing includes the area. The first area that is not included ends the
    /// listing: busy regions come before lazy areas, and a listing without busy regions starts
    /// after them.
    fn shows(&self, info: &RegionInfo) -> bool {
        match info.state {
            RegionState::Busy => self.busy,
            RegionState::Lazy => self.lazy,
        }
    }
}

/// Returns whether the cursor is before or among the busy regions, rather than among the lazy
/// areas.
fn is_living(cursor: Cursor) -> bool {
    cursor.get() >> 63 != 0
}

/// Serves `VMALLOCINFO [EXT]`: replies with text in the format of Linux's `/proc/vmallocinfo`. Lazy
/// areas come last.
pub(in crate::service) fn vmallocinfo<M: Access>(
    call: &mut Call<'_, '_, M>,
) -> Result<(), Failure> {
    let is_extended = match call.arguments.get(1) {
        None => false,
        Some(option) if option.eq_ignore_ascii_case(b"EXT") => true,
        Some(option) => return Err(Failure::Option(Word::new(option))),
    };
    call.check_length(rows(&call.parts.store, true, true), TEXT_ROW_BYTES_MIN, ", use VLIST")?;
    let store = &call.parts.store;
    let reply_bytes_max = call.reply_bytes_max;
    call.reply.text_by(|reply| {
        let mut cursor = Cursor::START;
        while let Some((info, next)) = store.vm.next_area(cursor) {
            // Writing to a reply cannot fail.
            if is_extended {
                let _ = write_extended(store, &info, reply);
            } else {
                let _ = store.vm.write_row(&info, &store.caller(&info), reply);
            }
            cursor = next;
            if reply.length() > reply_bytes_max {
                break;
            }
        }
    });
    Ok(())
}

/// Returns how many rows a report has that includes all busy areas if `busy`, and all lazy areas if
/// `lazy`.
fn rows<M: Access>(store: &Store<M>, busy: bool, lazy: bool) -> u64 {
    let stats = store.vm.stats();
    let busy_rows = if busy { stats.areas + stats.areas_system } else { 0 };
    busy_rows + if lazy { stats.areas_lazy } else { 0 }
}

/// Returns how many 2 MiB leaves map the region.
fn large_leaves<M: Access>(store: &Store<M>, info: &RegionInfo) -> u64 {
    let first = info.range.address().align_up(LARGE_BYTES as u64).as_u64();
    let starts = (first..info.range.end().as_u64()).step_by(LARGE_BYTES);
    let is_large = |start: &u64| {
        let walk = store.vm.walk(VirtAddr::new(*start));
        walk.last().is_some_and(|(level, entry)| level == 2 && entry.is_present())
    };
    starts.filter(is_large).count() as u64
}

/// Writes the row of a region in the format of Linux, followed by fields that Linux does not have.
fn write_extended<M: Access>(
    store: &Store<M>,
    info: &RegionInfo,
    reply: &mut Reply<'_>,
) -> fmt::Result {
    store.vm.write_row(info, &store.caller(info), &mut WithoutEnd(reply))?;
    let (id, owner, requested) = (info.id, info.owner, store.requested(info));
    let prot = protection::name(info.protection);
    writeln!(reply, " id={id} owner={owner} requested={requested} prot={prot}")
}

/// Writes id, caller, address, mapped bytes, requested bytes, protection and state.
fn list_row<M: Access>(store: &Store<M>, info: &RegionInfo, reply: &mut Reply<'_>) {
    reply.array(7);
    reply.integer(info.id.get());
    reply.bulk(store.caller(info).as_bytes());
    reply.bulk_hex(info.range.address().as_u64());
    reply.integer(info.range.count().bytes());
    reply.integer(store.requested(info));
    reply.bulk(protection::name(info.protection).as_bytes());
    reply.bulk(match info.state {
        RegionState::Busy => b"busy",
        RegionState::Lazy => b"lazy",
    });
}

/// Writes text without its line ends.
struct WithoutEnd<'a, 'r>(&'a mut Reply<'r>);

impl Write for WithoutEnd<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.raw(text.trim_end_matches('\n').as_bytes());
        Ok(())
    }
}

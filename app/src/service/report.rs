//! `VINFO`, `VLIST` and `VMALLOCINFO`: what is in the window.

use core::fmt::{self, Write};

use arrayvec::ArrayString;
use runtime_config::limits::NAME_BYTES_MAX;
use vmalloc::{Cursor, Machine, Protection, REGIONS_MAX, RegionInfo, RegionState};
use x86_64::VirtAddr;

use super::call::Call;
use super::failure::{Failure, Word};
use super::{CLIENT, Service, size};
use crate::resp::{self, Reply};

/// Rows of a `VLIST` that does not say how many.
const LIST_COUNT: u64 = 100;

/// `VINFO <r>`: a map of names and values.
pub(super) fn vinfo<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let info = call.service.any_region(call.argument(1))?;
    let service = &*call.service;
    let name = service.ledger.name(info.id).map_or("", |name| service.names.text(name));
    let born_us = service.ledger.born_us(info.id).unwrap_or(0);
    let age_s = service.now_us.saturating_sub(born_us) / 1_000_000;
    call.reply.array_by(|reply| {
        let mut fields = Fields { reply, items: 0 };
        fields.number(format_args!("id"), info.id.get());
        fields.text("name", format_args!("{name}"));
        fields.text("address", format_args!("{:#x}", info.range.address()));
        fields.text("end", format_args!("{:#x}", info.range.end()));
        fields.number(format_args!("size"), info.range.count().bytes());
        fields.number(format_args!("requested"), info.requested);
        fields.number(format_args!("pages"), info.range.count().get());
        fields.number(format_args!("huge"), 0);
        fields.text("prot", format_args!("{}", protection(info.protection)));
        let flags = if info.system { "vmalloc system" } else { "vmalloc" };
        fields.text("flags", format_args!("{flags}"));
        let nodes = service.vm.frames_per_node(&info).into_iter().enumerate();
        for (node, frames) in nodes.filter(|(_, frames)| *frames > 0) {
            fields.number(format_args!("N{node}"), frames);
        }
        fields.number(format_args!("owner"), info.owner);
        fields.text("caller", format_args!("{}", info.caller));
        fields.number(format_args!("age"), age_s);
        fields.items
    });
    Ok(())
}

/// Names and values of a flat map.
struct Fields<'a, 'r> {
    reply: &'a mut Reply<'r>,
    items: usize,
}

impl Fields<'_, '_> {
    fn text(&mut self, name: &str, value: fmt::Arguments<'_>) {
        self.reply.bulk(name.as_bytes());
        self.reply.bulk_of(value);
        self.items += 2;
    }

    fn number(&mut self, name: fmt::Arguments<'_>, value: u64) {
        self.reply.bulk_of(name);
        self.reply.integer(value);
        self.items += 2;
    }
}

/// `VLIST [CURSOR c] [COUNT n] [STATE busy|lazy|all]`: the next cursor and rows, the living regions
/// by address and then what waits for a flush by slot.
///
/// A cursor is the number of a [`Cursor`] in hexadecimal; 0 is the beginning in a request and the
/// end in a reply, as in `SCAN`. No page goes on from [`Cursor::LAZY`], whose number is 0.
pub(super) fn vlist<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let listing = Listing::parse(call.arguments.iter().skip(1))?;
    let service = &*call.service;
    let reply_bytes_max = call.reply_bytes_max;
    let mut cursor = Some(listing.from);
    let mut rows = 0;
    let mark = call.reply.mark();
    call.reply.array_by(|reply| {
        while let Some(from) = cursor {
            let area = service.vm.next_area(from).filter(|(info, _)| listing.shows(info));
            if area.is_some() && (rows == listing.count || reply.length() > reply_bytes_max) {
                break;
            }
            cursor = area.map(|(info, next)| {
                service.list_row(&info, reply);
                rows += 1;
                next
            });
        }
        usize::try_from(rows).unwrap_or(usize::MAX)
    });
    call.reply.prepend(mark, |reply| {
        reply.array(2);
        match cursor {
            Some(cursor) => reply.bulk_of(format_args!("{:#x}", cursor.get())),
            None => reply.bulk(b"0"),
        }
    });
    Ok(())
}

/// What a `VLIST` is to show.
struct Listing {
    from: Cursor,
    count: u64,
    busy: bool,
    lazy: bool,
}

impl Listing {
    fn parse<'a>(mut words: impl Iterator<Item = &'a [u8]>) -> Result<Self, Failure> {
        let mut listing = Self { from: Cursor::START, count: LIST_COUNT, busy: true, lazy: true };
        while let Some(word) = words.next() {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            if !(is("CURSOR") || is("COUNT") || is("STATE")) {
                return Err(if is("OWNER") {
                    Failure::NotServed("OWNER")
                } else {
                    Failure::Option(Word::new(word))
                });
            }
            let value = words.next().ok_or_else(|| Failure::NoValue(Word::new(word)))?;
            let invalid = |what| Failure::Invalid(what, Word::new(value));
            if is("CURSOR") {
                let number = size::parse_address(value);
                listing.from = number
                    .and_then(cursor)
                    .ok_or_else(|| invalid("CURSOR is 0 or what VLIST gave"))?;
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

    /// Whether the area has a row. What does not ends the listing: the living come first, and a
    /// listing without them begins behind them.
    fn shows(&self, info: &RegionInfo) -> bool {
        match info.state {
            RegionState::Busy => self.busy,
            RegionState::Lazy => self.lazy,
        }
    }
}

/// Reads a cursor: 0, an address of the higher half, or a slot.
fn cursor(number: u64) -> Option<Cursor> {
    let is_address = number >> 63 != 0 && VirtAddr::try_new(number).is_ok();
    match number {
        0 => Some(Cursor::START),
        _ if is_address || number <= u64::from(REGIONS_MAX) => Some(Cursor::from_raw(number)),
        _ => None,
    }
}

/// Whether a cursor stands before or among the living regions.
fn is_living(cursor: Cursor) -> bool {
    cursor.get() >> 63 != 0
}

/// `VMALLOCINFO`: text in the grammar of Linux's `/proc/vmallocinfo`; what waits for a flush comes
/// last.
pub(super) fn vmallocinfo<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    if call.arguments.count() > 1 {
        return Err(if call.argument(1).eq_ignore_ascii_case(b"EXT") {
            Failure::NotServed("EXT")
        } else {
            Failure::Option(Word::new(call.argument(1)))
        });
    }
    let service = &*call.service;
    let reply_bytes_max = call.reply_bytes_max;
    call.reply.bulk_by(|reply| {
        let mut cursor = Cursor::START;
        while let Some((info, next)) = service.vm.next_area(cursor) {
            // Writing to a reply cannot fail.
            let _ = service.vm.write_row(&info, &service.caller(&info), reply);
            cursor = next;
            if reply.length() > reply_bytes_max {
                break;
            }
        }
    });
    Ok(())
}

impl<M: Machine> Service<M> {
    /// Who asked for a region: its name, its client, or the image's own code.
    pub(super) fn caller(&self, info: &RegionInfo) -> ArrayString<NAME_BYTES_MAX> {
        let mut text = ArrayString::new();
        let name = self.ledger.name(info.id).map(|name| self.names.text(name));
        // Names fit; a caller of the image's own that does not is cut.
        let _ = match name {
            Some(name) => text.write_str(name),
            None if info.caller == CLIENT => write!(text, "{CLIENT}/{}", info.owner),
            None => text.write_str(info.caller),
        };
        text
    }

    /// Id, caller, address, mapped bytes, requested bytes, protection and state.
    fn list_row(&self, info: &RegionInfo, reply: &mut Reply<'_>) {
        reply.array(7);
        reply.integer(info.id.get());
        reply.bulk(self.caller(info).as_bytes());
        reply.bulk_of(format_args!("{:#x}", info.range.address()));
        reply.integer(info.range.count().bytes());
        reply.integer(info.requested);
        reply.bulk(protection(info.protection).as_bytes());
        reply.bulk(match info.state {
            RegionState::Busy => b"busy",
            RegionState::Lazy => b"lazy",
        });
    }
}

fn protection(protection: Protection) -> &'static str {
    match protection {
        Protection::ReadOnly => "ro",
        Protection::ReadWrite => "rw",
        Protection::ReadExecute => "rx",
        Protection::None => "none",
    }
}

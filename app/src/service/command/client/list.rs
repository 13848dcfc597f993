//! `CLIENT LIST` and `CLIENT INFO`: one line per connection, with Redis's fields in Redis's order.

use core::fmt::{self, Write};

use vmalloc::Access;

use super::kind::ClientKind;
use crate::resp::{self, Reply};
use crate::service::call::Call;
use crate::service::client_list::ClientEntry;
use crate::service::failure::Failure;
use crate::service::parts::Parts;

/// Serves `CLIENT INFO`: replies with the line of this connection.
pub(in crate::service) fn info<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let number = call.session.owner.number;
    write(call, |parts, reply| write_lines(parts, |entry| entry.number == number, reply));
    Ok(())
}

/// Serves `CLIENT LIST [TYPE type|ID number …]`.
pub(in crate::service) fn list<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let option = call.argument(2);
    let is = |name: &str| option.eq_ignore_ascii_case(name.as_bytes());
    match call.arguments.count() {
        2 => write(call, |parts, reply| write_lines(parts, |_| true, reply)),
        4 if is("TYPE") => {
            let kind = ClientKind::parse(call.argument(3))?;
            write(call, |parts, reply| write_lines(parts, |_| kind == ClientKind::Normal, reply));
        }
        count if count > 3 && is("ID") => {
            let numbers = call.arguments.iter().skip(3).map(resp::signed);
            if numbers.clone().any(|number| number.is_none()) {
                return Err(Failure::Redis("Invalid client ID"));
            }
            // The lines have the order of the numbers in the request. A repeated number has a line
            // each time.
            write(call, |parts, reply| {
                for number in numbers.flatten().filter_map(|number| u64::try_from(number).ok()) {
                    write_lines(parts, |entry| entry.number == number, reply);
                }
            });
        }
        _ => return Err(Failure::Redis("syntax error")),
    }
    Ok(())
}

/// Writes lines as one text. First records the length of this request and of its transaction's
/// queue in the client list, because the lines show both.
fn write<'a, M: Access>(call: &mut Call<'a, '_, M>, lines: impl FnOnce(&Parts<M>, &mut Reply<'_>)) {
    let bytes = call.arguments.iter().map(<[u8]>::len).sum();
    if let Some(entry) = call.parts.clients.at(call.session.owner.place) {
        entry.arguments = bytes;
        entry.queued = call.session.queued_in_transaction();
    }
    let parts = &*call.parts;
    call.reply.text_by(|reply| lines(parts, reply));
    if let Some(entry) = call.parts.clients.at(call.session.owner.place) {
        entry.arguments = 0;
    }
}

fn write_lines<M: Access>(
    parts: &Parts<M>,
    wanted: impl Fn(&ClientEntry) -> bool,
    reply: &mut Reply<'_>,
) {
    for (place, entry) in parts.clients.entries().filter(|(_, entry)| wanted(entry)) {
        let store = &parts.store;
        let is_dirty = u32::try_from(place).is_ok_and(|place| store.watches.is_dirty(place));
        let line = ClientLine { place, entry, is_dirty, now_us: store.clock.now_us };
        // Writing to a reply cannot fail.
        let _ = writeln!(reply, "{line}");
    }
}

/// Formats an entry like Redis 7.0, followed by the library fields of Redis 7.2.
///
/// `fd` is the place of the connection in the client list, because the image has no file
/// descriptors. `qbuf`, `obl` and `omem` are the values at the end of the connection's last turn.
/// `tot-mem` does not include socket buffers.
struct ClientLine<'a> {
    place: usize,
    entry: &'a ClientEntry,
    /// Whether a watched key of the connection has changed.
    is_dirty: bool,
    now_us: u64,
}

impl fmt::Display for ClientLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ClientEntry { number, peer, local, .. } = self.entry;
        let [age, idle] = [self.entry.since_us, self.entry.seen_us]
            .map(|us| self.now_us.saturating_sub(us) / 1_000_000);
        let name = text(&self.entry.name);
        write!(f, "id={number} addr={peer} laddr={local} fd={} name={name}", self.place)?;
        write!(f, " age={age} idle={idle} flags=")?;
        self.flags(f)?;
        f.write_str(" db=0 sub=0 psub=0 ssub=0 multi=")?;
        match self.entry.queued {
            Some(count) => write!(f, "{count}")?,
            None => f.write_str("-1")?,
        }
        self.buffers(f)?;
        f.write_str(" cmd=")?;
        match self.entry.command {
            "" => f.write_str("NULL")?,
            command => command
                .bytes()
                .try_for_each(|byte| write!(f, "{}", char::from(byte.to_ascii_lowercase())))?,
        }
        let resp = if self.entry.is_resp3 { 3 } else { 2 };
        let (library, version) = (text(&self.entry.library), text(&self.entry.library_version));
        write!(f, " user=default redir=-1 resp={resp} lib-name={library} lib-ver={version}")
    }
}

impl ClientLine<'_> {
    fn flags(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags =
            [(self.entry.queued.is_some(), "x"), (self.is_dirty, "d"), (self.entry.is_kept, "e")];
        if flags.iter().all(|(is_set, _)| !is_set) {
            return f.write_str("N");
        }
        flags.iter().filter(|(is_set, _)| *is_set).try_for_each(|(_, flag)| f.write_str(flag))
    }

    fn buffers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let buffers = self.entry.buffers;
        let (input, room, arguments) = (buffers.input, buffers.input_room, self.entry.arguments);
        let (size, peak, output) = (buffers.output_size, self.entry.output_peak, buffers.output);
        let spilled = buffers.spilled;
        let pieces = usize::from(spilled > 0);
        let queue = buffers.queue_size;
        let total = input + room + size + spilled + queue;
        let events = if output > 0 || spilled > 0 { "rw" } else { "r" };
        write!(f, " qbuf={input} qbuf-free={room} argv-mem={arguments} multi-mem={queue}")?;
        write!(f, " rbs={size} rbp={peak} obl={output} oll={pieces} omem={spilled}")?;
        write!(f, " tot-mem={total} events={events}")
    }
}

/// Converts a name to text. Names of clients consist of graphic ASCII characters.
fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap_or_default()
}

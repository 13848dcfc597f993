//! `CLIENT`: this connection, and the others.

use core::fmt::Write;

use vmalloc::Machine;

use super::Service;
use super::call::Call;
use super::command;
use super::failure::Failure;
use super::roster::{Guest, Line};
use super::session::{Session, set_name};
use crate::resp;

/// `CLIENT ID|GETNAME|SETNAME …|SETINFO …|INFO|LIST|KILL …|NO-EVICT …|REPLY …`
pub(super) fn client<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let subcommand = call.argument(1);
    let count = call.arguments.count();
    let is = |name: &str| subcommand.eq_ignore_ascii_case(name.as_bytes());
    match () {
        () if is("ID") && count == 2 => call.reply.integer(call.session.number),
        () if is("GETNAME") && count == 2 => {
            match call.service.roster.at(call.session.place).map(|guest| &guest.name) {
                Some(name) if !name.is_empty() => call.reply.bulk(name),
                _ => call.reply.null(),
            }
        }
        () if is("SETNAME") && count == 3 => {
            set_name(call.service, call.session, call.argument(2))?;
            call.reply.status("OK");
        }
        () if is("SETINFO") && count == 4 => call.reply.status("OK"),
        () if is("NO-EVICT") && count == 3 => call.reply.status("OK"),
        () if is("INFO") && count == 2 => {
            let number = call.session.number;
            list(call, |guest| guest.number == number);
        }
        () if is("LIST") && count == 2 => list(call, |_| true),
        () if is("LIST") && count > 3 && call.argument(2).eq_ignore_ascii_case(b"ID") => {
            let numbers = call.arguments;
            list(call, |guest| {
                numbers.iter().skip(3).any(|text| resp::decimal(text) == Some(guest.number))
            });
        }
        () if is("LIST") && count == 4 && call.argument(2).eq_ignore_ascii_case(b"TYPE") => {
            let is_normal = call.argument(3).eq_ignore_ascii_case(b"normal");
            list(call, |_| is_normal);
        }
        () if is("LIST") => return Err(Failure::Redis("syntax error")),
        () if is("KILL") && count == 3 => {
            let address = call.argument(2);
            let killed = kill(call, &Wish { address: Some(address), ..Wish::default() });
            if killed == 0 {
                return Err(Failure::Redis("No such client"));
            }
            call.reply.status("OK");
        }
        () if is("KILL") && count > 3 => {
            let wish = Wish::parse(call.arguments.iter().skip(2))?;
            let killed = kill(call, &wish);
            call.reply.integer(killed);
        }
        () if is("REPLY") && count == 3 => reply(call)?,
        () => return command::help(call, "CLIENT"),
    }
    Ok(())
}

fn list<M: Machine>(call: &mut Call<'_, '_, M>, wanted: impl Fn(&Guest) -> bool) {
    let service = &*call.service;
    call.reply.text_by(|reply| {
        for guest in service.roster.guests().filter(|guest| wanted(guest)) {
            // Writing to a reply cannot fail.
            let _ = writeln!(reply, "{}", Line { guest, now_us: service.now_us });
        }
    });
}

/// Which connections are to be closed.
#[derive(Debug, Default)]
struct Wish<'a> {
    number: Option<u64>,
    address: Option<&'a [u8]>,
    /// Whether the one that asks stays.
    skips_me: bool,
}

impl<'a> Wish<'a> {
    fn parse(mut words: impl Iterator<Item = &'a [u8]>) -> Result<Self, Failure> {
        let mut wish = Self { skips_me: true, ..Self::default() };
        while let Some(word) = words.next() {
            let value = words.next().ok_or(Failure::Redis("syntax error"))?;
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            if is("ID") {
                let number = resp::decimal(value);
                wish.number =
                    Some(number.ok_or(Failure::Redis("client-id should be greater than 0"))?);
            } else if is("ADDR") {
                wish.address = Some(value);
            } else if is("SKIPME") {
                wish.skips_me = !value.eq_ignore_ascii_case(b"no");
            } else {
                return Err(Failure::Redis("syntax error"));
            }
        }
        Ok(wish)
    }

    fn means(&self, guest: &Guest) -> bool {
        let mut peer = arrayvec::ArrayString::<32>::new();
        // Four numbers and a port fit.
        let _ = write!(peer, "{}", guest.peer);
        self.number.is_none_or(|number| number == guest.number)
            && self.address.is_none_or(|address| address == peer.as_bytes())
    }
}

/// Has connections closed; how many.
fn kill<M: Machine>(call: &mut Call<'_, '_, M>, wish: &Wish<'_>) -> u64 {
    let mut killed = 0;
    for guest in call.service.roster.guests_mut().filter(|guest| wish.means(guest)) {
        if guest.number != call.session.number {
            guest.is_killed = true;
        } else if wish.skips_me {
            continue;
        } else {
            // After its reply.
            call.session.close();
        }
        killed += 1;
    }
    killed
}

fn reply<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let word = call.argument(2);
    let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    if is("ON") {
        call.session.reply_mode.turn_on();
        call.reply.status("OK");
    } else if is("OFF") {
        call.session.reply_mode.turn_off();
    } else if is("SKIP") {
        call.session.reply_mode.skip_next();
    } else {
        return Err(Failure::Redis("syntax error"));
    }
    Ok(())
}

impl<M: Machine> Service<M> {
    /// Notes who has come.
    pub fn arrive(&mut self, session: &Session, peer: core::net::SocketAddrV4) {
        self.roster.come(session.place, session.number, peer, self.now_us);
    }

    /// Whether somebody wants the connection closed.
    #[must_use]
    pub fn is_killed(&self, session: &Session) -> bool {
        self.roster.is_killed(session.place)
    }
}

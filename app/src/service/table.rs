//! The table of commands. It is the source for dispatch, for arity checks, for `COMMAND` and for
//! the page of the protocol.

mod command;
mod handler;
mod rows;
mod subcommands;

use core::fmt;
use core::marker::PhantomData;

use vmalloc::Access;

use super::catalog::flags::{self, Flags};
use super::catalog::{Catalog, Facts, Group, Lookup};
use super::command::connection;
use crate::resp::Arguments;
use command::Command;
use rows::Rows;

pub(super) use handler::Handler;

/// Maximum number of commands and subcommands.
const ALL_MAX: usize = 128;

/// The number that stands for `POST` and `HOST:`, the words of a browser's request.
const HTTP: usize = usize::MAX;

/// The facts for the words of a browser's request. They are not in the catalog, because these words
/// are no real commands.
static HTTP_FACTS: Facts = {
    let mut facts = Facts::new(Group::Connection, "POST", -1, "", "");
    facts.flags = Flags::new(flags::NO_AUTH, 0);
    facts
};

/// The facts and handlers of all commands, followed by those of all subcommands.
struct Flat<M: Access + 'static> {
    facts: [Facts; ALL_MAX],
    handlers: [Handler<M>; ALL_MAX],
    count: usize,
}

impl<M: Access> Flat<M> {
    const fn of(table: &'static [Command<M>]) -> Self {
        let mut flat = Self {
            facts: [table[0].facts; ALL_MAX],
            handlers: [table[0].handler; ALL_MAX],
            count: table.len(),
        };
        let mut at = 0;
        while at < table.len() {
            let command = &table[at];
            flat.facts[at] = command.facts;
            flat.facts[at].subcommands = (flat.count, command.subcommands.len());
            flat.handlers[at] = command.handler;
            let mut number = 0;
            while number < command.subcommands.len() {
                flat.facts[flat.count] = command.subcommands[number].facts;
                flat.handlers[flat.count] = command.subcommands[number].handler;
                flat.count += 1;
                number += 1;
            }
            at += 1;
        }
        flat
    }
}

/// The table of commands for one machine type.
pub struct Commands<M>(PhantomData<M>);

impl<M: Access + 'static> Commands<M> {
    const FLAT: &'static Flat<M> = &Flat::of(Rows::TABLE);

    /// The facts of every command and subcommand.
    pub const CATALOG: Catalog =
        Catalog::new(Self::FLAT.facts.split_at(Self::FLAT.count).0, Rows::<M>::TABLE.len());

    /// Looks up the command of a request.
    #[inline]
    pub(super) fn look_up(request: Arguments<'_>) -> Lookup {
        match Self::CATALOG.look_up(request) {
            Lookup::Unknown if is_http(request) => Lookup::Command(HTTP),
            found => found,
        }
    }

    /// Returns the facts of the command with the number that [`look_up`](Self::look_up) returned.
    #[inline]
    pub(super) fn facts(number: usize) -> &'static Facts {
        if number == HTTP { &HTTP_FACTS } else { &Self::FLAT.facts[number] }
    }

    /// Returns the handler of the command with the number that [`look_up`](Self::look_up) returned.
    #[inline]
    pub(super) fn handler(number: usize) -> Handler<M> {
        if number == HTTP {
            Handler::Short(connection::refuse_http)
        } else {
            Self::FLAT.handlers[number]
        }
    }
}

/// Returns whether a browser has sent the request. A web page can make a browser do that.
#[cold]
fn is_http(request: Arguments<'_>) -> bool {
    let name = request.get(0).unwrap_or_default();
    name.eq_ignore_ascii_case(b"POST") || name.eq_ignore_ascii_case(b"HOST:")
}

impl<M> fmt::Debug for Commands<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Commands")
    }
}

//! Describes every command as plain data, for the checks of dispatch and for reports.

pub(super) mod flags;
pub(super) mod keys;

use core::ops::Range;

use crate::resp::Arguments;

use flags::Flags;
use keys::Keys;

/// The subject of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Regions, by id or name.
    Region,
    /// Regions with a name, as the string keys of Redis.
    Key,
    /// The contents of the window, and its events.
    Report,
    /// The connection.
    Connection,
    /// Transactions: requests that are served together.
    Transaction,
}

impl Group {
    /// All groups, in the order of the table.
    pub const ALL: [Self; 5] =
        [Self::Region, Self::Key, Self::Report, Self::Connection, Self::Transaction];

    /// Returns the name of the group as one word, for labels and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Region => "region",
            Self::Key => "string",
            Self::Report => "server",
            Self::Connection => "connection",
            Self::Transaction => "transactions",
        }
    }
}

/// The facts of a command.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The full name in capitals; a subcommand has the name `COMMAND|SUBCOMMAND`.
    pub name: &'static str,
    /// The number of arguments, counted with the name; a negative number is a minimum.
    pub arity: i32,
    /// The subject of the command.
    pub group: Group,
    /// The syntax of the arguments.
    pub syntax: &'static str,
    /// A summary in one clause, for the page of the protocol.
    pub summary: &'static str,
    /// The codes (first words) of the command's errors, without those that every command can
    /// return.
    pub errors: &'static str,
    /// The flags and categories in `COMMAND INFO`.
    pub(super) flags: Flags,
    /// The positions of the keys among the arguments, and the use of the keys.
    pub(super) keys: Keys,
    /// Redis's hints for proxies.
    pub(super) tips: &'static str,
    /// Whether the command neither allocates nor frees memory. Such a command is served during an
    /// audit too.
    pub(super) is_light: bool,
    /// Whether the command processes its arguments in slices, with no limit on their number.
    pub(super) is_walked: bool,
    /// The name of the command that the error about a too large reply recommends instead.
    pub(super) hint: &'static str,
    /// The range of the subcommands in the catalog: the number of the first one, and their count.
    pub(super) subcommands: (usize, usize),
}

impl Facts {
    pub(super) const fn new(
        group: Group,
        name: &'static str,
        arity: i32,
        syntax: &'static str,
        summary: &'static str,
    ) -> Self {
        Self {
            name,
            arity,
            group,
            syntax,
            summary,
            errors: "",
            flags: Flags::new(0, 0),
            keys: Keys::NONE,
            tips: "",
            is_light: false,
            is_walked: false,
            hint: "",
            subcommands: (0, 0),
        }
    }

    /// Returns the name of a subcommand without the name of its command.
    #[must_use]
    pub fn last_name(&self) -> &'static str {
        self.name.rsplit('|').next().unwrap_or(self.name)
    }

    /// Returns whether the command has subcommands.
    #[must_use]
    pub fn has_subcommands(&self) -> bool {
        self.subcommands.1 > 0
    }

    /// Returns whether the command takes `arguments` arguments, counted with the name.
    #[must_use]
    pub fn takes(&self, arguments: usize) -> bool {
        let arguments = i64::try_from(arguments).unwrap_or(i64::MAX);
        let arity = i64::from(self.arity);
        if arity < 0 { arguments >= -arity } else { arguments == arity }
    }

    fn is(&self, name: &[u8]) -> bool {
        name.eq_ignore_ascii_case(self.name.as_bytes())
    }
}

/// The result of looking up the first words of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lookup {
    /// A command or subcommand, with its number in the catalog.
    Command(usize),
    /// A command that has no subcommand with the given name, with the number of the command.
    NoSubcommand(usize),
    /// An unknown command.
    Unknown,
}

/// The facts of all commands, followed by those of all subcommands.
#[derive(Clone, Copy, Debug)]
pub struct Catalog {
    all: &'static [Facts],
    commands: usize,
}

impl Catalog {
    /// Creates a catalog from facts, of which the first `commands` describe commands and the others
    /// subcommands.
    pub(super) const fn new(all: &'static [Facts], commands: usize) -> Self {
        Self { all, commands }
    }

    /// Returns all facts, in the order of their numbers.
    #[must_use]
    pub fn all(&self) -> &'static [Facts] {
        self.all
    }

    /// Returns the facts of the commands, without subcommands.
    #[must_use]
    pub fn commands(&self) -> &'static [Facts] {
        &self.all[..self.commands]
    }

    /// Returns the facts of the subcommands of a command.
    #[must_use]
    pub fn subcommands(&self, command: &Facts) -> &'static [Facts] {
        let (first, count) = command.subcommands;
        &self.all[Range { start: first, end: first + count }]
    }

    /// Returns the facts of the command that a lookup has returned as `number`.
    pub(super) fn at(&self, number: usize) -> &'static Facts {
        &self.all[number]
    }

    /// Finds a command by its name. Upper and lower case are equal.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<&'static Facts> {
        self.number(name).map(|number| self.at(number))
    }

    /// Returns the number of a command in the catalog.
    pub(super) fn number(&self, name: &[u8]) -> Option<usize> {
        self.commands().iter().position(|command| command.is(name))
    }

    /// Finds a command by its name, or a subcommand by its name `COMMAND|SUBCOMMAND`.
    pub(super) fn find_full(&self, name: &[u8]) -> Option<&'static Facts> {
        self.all.iter().find(|command| command.is(name))
    }

    /// Looks up the command of a request by the first word, and its subcommand by the second word.
    pub(super) fn look_up(&self, request: Arguments<'_>) -> Lookup {
        let Some(number) = self.number(request.get(0).unwrap_or_default()) else {
            return Lookup::Unknown;
        };
        let command = self.at(number);
        let Some(word) = request.get(1).filter(|_| command.has_subcommands()) else {
            return Lookup::Command(number);
        };
        let is_it = |facts: &Facts| word.eq_ignore_ascii_case(facts.last_name().as_bytes());
        match self.subcommands(command).iter().position(is_it) {
            Some(at) => Lookup::Command(command.subcommands.0 + at),
            None => Lookup::NoSubcommand(number),
        }
    }
}

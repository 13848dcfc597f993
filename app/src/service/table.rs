//! The one table of commands: it feeds dispatch, arity checks, `COMMAND` and `docs/commands.md`.

mod flags;
mod keys;
mod rows;
mod subcommands;

use core::fmt;
use core::marker::PhantomData;

use vmalloc::Machine;

use super::call::Call;
use super::failure::Failure;
use super::session;
use crate::resp::Arguments;

pub(super) use flags::Flags;
pub(super) use keys::{Keys, Place};

/// What a command is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Regions, by id or name.
    Region,
    /// Regions with a name, as the string keys of Redis.
    Key,
    /// What is in the window, and what happened there.
    Report,
    /// The connection.
    Connection,
    /// Requests that are served together.
    Transaction,
}

impl Group {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 5] =
        [Self::Region, Self::Key, Self::Report, Self::Connection, Self::Transaction];

    /// As one word.
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

type Handler<M> = fn(&mut Call<'_, '_, M>) -> Result<(), Failure>;

/// One command.
pub struct Command<M: Machine + 'static> {
    /// Its full name, in capitals: that of a subcommand is `COMMAND|SUBCOMMAND`.
    pub name: &'static str,
    /// How many arguments it takes, counted with its name; a negative number is a minimum.
    pub arity: i32,
    /// What it is about.
    pub group: Group,
    /// What follows the name.
    pub syntax: &'static str,
    /// One clause for `docs/commands.md`.
    pub summary: &'static str,
    /// The first words of its errors, beside those of every command.
    pub errors: &'static str,
    /// The commands that its second word chooses from; most have none.
    pub subcommands: &'static [Self],
    /// The flags and categories in `COMMAND INFO`.
    pub(super) flags: Flags,
    /// Where its keys are.
    pub(super) keys: Keys,
    /// Redis' hints for proxies.
    pub(super) tips: &'static str,
    /// Whether it neither allocates nor frees: it is served during an audit too.
    pub(super) is_light: bool,
    /// Whether any number of arguments is worked at in slices.
    pub(super) is_walked: bool,
    /// What to say when its reply is too large.
    pub(super) hint: &'static str,
    /// Serves it.
    pub(super) handler: Handler<M>,
}

impl<M: Machine> Command<M> {
    const fn new(
        group: Group,
        name: &'static str,
        arity: i32,
        syntax: &'static str,
        summary: &'static str,
        handler: Handler<M>,
    ) -> Self {
        Self {
            name,
            arity,
            group,
            syntax,
            summary,
            errors: "",
            subcommands: &[],
            flags: Flags::new(0, 0),
            keys: Keys::NONE,
            tips: "",
            is_light: false,
            is_walked: false,
            hint: "",
            handler,
        }
    }

    const fn light(mut self) -> Self {
        self.is_light = true;
        self
    }

    const fn flags(mut self, flags: u32, categories: u32) -> Self {
        self.flags = Flags::new(flags, categories);
        self
    }

    const fn keys(mut self, keys: Keys) -> Self {
        self.keys = keys;
        self
    }

    const fn tips(mut self, tips: &'static str) -> Self {
        self.tips = tips;
        self
    }

    const fn subcommands(mut self, subcommands: &'static [Self]) -> Self {
        self.subcommands = subcommands;
        self
    }

    const fn errors(mut self, errors: &'static str) -> Self {
        self.errors = errors;
        self
    }

    const fn walked(mut self) -> Self {
        self.is_walked = true;
        self
    }

    const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = hint;
        self
    }

    /// A subcommand's name without that of its command.
    #[must_use]
    pub fn last_name(&self) -> &'static str {
        self.name.rsplit('|').next().unwrap_or(self.name)
    }

    /// Whether it takes so many arguments, counted with its name.
    #[must_use]
    pub fn takes(&self, arguments: usize) -> bool {
        let arguments = i64::try_from(arguments).unwrap_or(i64::MAX);
        let arity = i64::from(self.arity);
        if arity < 0 { arguments >= -arity } else { arguments == arity }
    }
}

impl<M: Machine> fmt::Debug for Command<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.syntax)
    }
}

/// The meaning of the first words of a request.
pub(super) enum Found<M: Machine + 'static> {
    /// A command or subcommand, and its number among all of them.
    Command(usize, &'static Command<M>),
    /// A command that has no such subcommand.
    NoSubcommand(&'static Command<M>),
    /// No command.
    Nothing,
}

/// The table, for one kind of machine.
#[derive(Debug)]
pub struct Commands<M>(PhantomData<M>);

impl<M: Machine + 'static> Commands<M> {
    /// What a browser sends. They are no commands, and not in the table.
    const NOT_OURS: &'static [Command<M>] = &[
        Command::new(Group::Connection, "POST", -1, "", "", session::refuse_http)
            .flags(flags::NO_AUTH, 0),
        Command::new(Group::Connection, "HOST:", -1, "", "", session::refuse_http)
            .flags(flags::NO_AUTH, 0),
    ];

    /// Looks a command up; case does not matter.
    #[must_use]
    pub fn find(name: &[u8]) -> Option<&'static Command<M>> {
        Self::find_numbered(name).map(|(_, command)| command)
    }

    /// As [`find`](Self::find), with its place in the table; what is not ours stands behind it.
    pub(super) fn find_numbered(name: &[u8]) -> Option<(usize, &'static Command<M>)> {
        let mut all = Self::TABLE.iter().chain(Self::NOT_OURS).enumerate();
        all.find(|(_, command)| name.eq_ignore_ascii_case(command.name.as_bytes()))
    }

    /// Looks up what a request asks for: a command, or the subcommand that its second word names.
    pub(super) fn look_up(request: Arguments<'_>) -> Found<M> {
        let name = request.get(0).unwrap_or_default();
        let Some((number, command)) = Self::find_numbered(name) else { return Found::Nothing };
        let Some(word) = request.get(1).filter(|_| !command.subcommands.is_empty()) else {
            // A command behind the table has no counter of its own.
            let is_ours = number < Self::TABLE.len();
            return Found::Command(if is_ours { number } else { usize::MAX }, command);
        };
        let is_it =
            |subcommand: &Command<M>| word.eq_ignore_ascii_case(subcommand.last_name().as_bytes());
        let Some(at) = command.subcommands.iter().position(is_it) else {
            return Found::NoSubcommand(command);
        };
        let before = Self::TABLE.iter().take(number).map(|other| other.subcommands.len());
        let number = Self::TABLE.len() + before.sum::<usize>() + at;
        Found::Command(number, &command.subcommands[at])
    }

    /// Looks up a full name, that of a subcommand with its command and `|`.
    pub(super) fn find_full(name: &[u8]) -> Option<&'static Command<M>> {
        Self::all().find(|command| name.eq_ignore_ascii_case(command.name.as_bytes()))
    }

    /// Every command in the order of their numbers: the table, then all subcommands.
    pub(super) fn all() -> impl Iterator<Item = &'static Command<M>> + Clone {
        Self::TABLE.iter().chain(Self::TABLE.iter().flat_map(|command| command.subcommands))
    }
}

//! The one table of commands: it feeds dispatch, arity checks, `COMMAND` and `docs/commands.md`.

mod rows;

use core::fmt;
use core::marker::PhantomData;

use vmalloc::Machine;

use super::call::Call;
use super::failure::Failure;
use super::session;

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
}

impl Group {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 4] = [Self::Region, Self::Key, Self::Report, Self::Connection];

    /// As one word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Region => "region",
            Self::Key => "string",
            Self::Report => "server",
            Self::Connection => "connection",
        }
    }
}

type Handler<M> = fn(&mut Call<'_, '_, M>) -> Result<(), Failure>;

/// One command.
pub struct Command<M: Machine + 'static> {
    /// Its name, in capitals.
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
    /// Whether it is served before the password was said.
    pub(super) is_open: bool,
    /// Whether it neither allocates nor frees: it is served during an audit too.
    pub(super) is_light: bool,
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
        let (is_open, is_light) = (false, false);
        Self {
            name,
            arity,
            group,
            syntax,
            summary,
            errors: "",
            is_open,
            is_light,
            hint: "",
            handler,
        }
    }

    const fn light(mut self) -> Self {
        self.is_light = true;
        self
    }

    const fn open(mut self) -> Self {
        self.is_open = true;
        self
    }

    const fn errors(mut self, errors: &'static str) -> Self {
        self.errors = errors;
        self
    }

    const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = hint;
        self
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

/// The table, for one kind of machine.
#[derive(Debug)]
pub struct Commands<M>(PhantomData<M>);

impl<M: Machine + 'static> Commands<M> {
    /// What a browser sends. They are no commands, and not in the table.
    const NOT_OURS: &'static [Command<M>] = &[
        Command::new(Group::Connection, "POST", -1, "", "", session::refuse_http).open(),
        Command::new(Group::Connection, "HOST:", -1, "", "", session::refuse_http).open(),
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
}

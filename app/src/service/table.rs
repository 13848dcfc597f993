//! The one table of commands: it feeds dispatch, arity checks, `COMMAND` and the README.

use core::fmt;
use core::marker::PhantomData;

use vmalloc::Machine;

use super::call::Call;
use super::failure::Failure;
use super::{
    allocate, audit, bench, bytes, config, counters, entries, free, info, probe, report, session,
};

type Handler<M> = fn(&mut Call<'_, '_, M>) -> Result<(), Failure>;

/// One command.
pub struct Command<M: Machine + 'static> {
    /// Its name, in capitals.
    pub name: &'static str,
    /// How many arguments it takes, counted with its name; a negative number is a minimum.
    pub arity: i32,
    /// What follows the name.
    pub syntax: &'static str,
    /// One clause for the README.
    pub summary: &'static str,
    /// Whether it neither allocates nor frees: it is served during an audit too.
    pub(super) is_light: bool,
    /// What to say when its reply is too large.
    pub(super) hint: &'static str,
    /// Serves it.
    pub(super) handler: Handler<M>,
}

impl<M: Machine> Command<M> {
    const fn new(
        name: &'static str,
        arity: i32,
        syntax: &'static str,
        summary: &'static str,
        handler: Handler<M>,
    ) -> Self {
        Self { name, arity, syntax, summary, is_light: false, hint: "", handler }
    }

    const fn light(mut self) -> Self {
        self.is_light = true;
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
    /// Every command. Those that are sent most stand first.
    pub const TABLE: &'static [Command<M>] = &[
        Command::new(
            "VMALLOC",
            -2,
            "size [ALIGN a] [ZERO|NOZERO] [NODE n] [PROT rw|ro] [NAME k [REPLACE]] [SOFT]",
            "allocates a region, always zeroed: id, address, mapped bytes",
            allocate::vmalloc,
        ),
        Command::new("VFREE", -2, "[STRICT] r [r ...]", "frees regions: how many", free::vfree),
        Command::new("PING", -1, "[message]", "answers PONG, or the message", session::ping)
            .light(),
        Command::new("VREAD", 4, "r offset length", "reads bytes of a region", bytes::vread)
            .light(),
        Command::new("VWRITE", 4, "r offset data", "writes bytes of a region", bytes::vwrite)
            .light(),
        Command::new(
            "VZALLOC",
            -2,
            "size [options of VMALLOC]",
            "the same as VMALLOC: every region is zeroed",
            allocate::vmalloc,
        ),
        Command::new("VINFO", 2, "r", "what is known of a region", report::vinfo).light(),
        Command::new(
            "VLIST",
            -1,
            "[CURSOR c] [COUNT n] [STATE busy|lazy|all]",
            "regions by address, then what waits for a flush: the next cursor (0 is the end), and \
             rows of id, caller, address, mapped and requested bytes, protection, state",
            report::vlist,
        )
        .hint(", use a smaller COUNT"),
        Command::new(
            "VMALLOCINFO",
            -1,
            "",
            "all regions in the format of /proc/vmallocinfo",
            report::vmallocinfo,
        )
        .hint(", use VLIST"),
        Command::new(
            "VPTE",
            -2,
            "r [offset pages]",
            "page-table entries of a region: address, level, frame, flags",
            entries::vpte,
        )
        .hint(", use offset and pages"),
        Command::new("VWALK", 2, "address", "the entry at each of four levels", entries::vwalk),
        Command::new(
            "VPROBE",
            3,
            "address r|w|x",
            "tries a real access: ok, or the fault and whose it is",
            probe::vprobe,
        ),
        Command::new("VCHECK", -1, "", "audits every structure against the others", audit::vcheck),
        Command::new(
            "VPURGE",
            -1,
            "[SYNC]",
            "flushes and releases what was freed: areas, pages, none|pages|full; with SYNC also \
             what is kept for speed",
            audit::vpurge,
        ),
        Command::new(
            "VBENCH",
            -2,
            "all|name|mask [CPUS n] [LOOPS n] [PAGES n] [MS n]",
            "runs workloads of Linux's test_vmalloc on n CPUs; nothing else is served meanwhile",
            bench::vbench,
        ),
        Command::new("VSTATS", -1, "[section]", "every counter", counters::vstats).light(),
        Command::new("DBSIZE", 1, "", "regions with a name", info::dbsize).light(),
        Command::new("ECHO", 2, "message", "answers the message", session::echo).light(),
        Command::new("INFO", -1, "[section ...]", "counters as Redis prints them", info::info)
            .light(),
        Command::new("HELLO", -1, "[2 [SETNAME name]]", "greets; RESP2 only", session::hello)
            .light(),
        Command::new(
            "CLIENT",
            -2,
            "ID|GETNAME|SETNAME name|SETINFO attribute value",
            "this connection's number and name",
            session::client,
        )
        .light(),
        Command::new("CONFIG", -2, "GET pattern [pattern ...]", "settings", config::config).light(),
        Command::new("COMMAND", -1, "[COUNT|LIST]", "this table's names", session::command).light(),
        Command::new("SELECT", 2, "index", "accepts database 0", session::select).light(),
        Command::new("QUIT", -1, "", "closes the connection", session::quit).light(),
    ];

    /// What a browser sends. They are no commands, and not in the table.
    const NOT_OURS: &'static [Command<M>] = &[
        Command::new("POST", -1, "", "", session::refuse_http),
        Command::new("HOST:", -1, "", "", session::refuse_http),
    ];

    /// Looks a command up; case does not matter.
    #[must_use]
    pub fn find(name: &[u8]) -> Option<&'static Command<M>> {
        let all = Self::TABLE.iter().chain(Self::NOT_OURS);
        all.into_iter().find(|command| name.eq_ignore_ascii_case(command.name.as_bytes()))
    }
}

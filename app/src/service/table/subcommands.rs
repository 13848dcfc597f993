//! The rows of all subcommands, grouped by command.

use core::marker::PhantomData;

use vmalloc::Access;

use super::command::Command;
use super::handler::answers;
use crate::service::catalog::Group::{Connection, Key, Report};
use crate::service::catalog::flags::{ADMIN, CONNECTION, LOADING, NOSCRIPT, READONLY, STALE};
use crate::service::catalog::keys::Keys;
use crate::service::command::{client, config, introspect, keys};

/// Flags of commands that Redis serves at any time.
const ANY_TIME: u32 = LOADING | STALE;
/// Flags of commands about the connection that sends them.
const OWN: u32 = NOSCRIPT | ANY_TIME;
/// Flags of commands about the server or other connections.
const OTHERS: u32 = ADMIN | OWN;

const CHANGES: &str = "nondeterministic_output";
const ANY_ORDER: &str = "nondeterministic_output_order";
const ALL_NODES: &str = "request_policy:all_nodes response_policy:all_succeeded";

/// The rows of the subcommands for one machine type.
pub(super) struct Subcommands<M>(PhantomData<M>);

impl<M: Access + 'static> Subcommands<M> {
    pub(super) const CLIENT: &'static [Command<M>] = &[
        Command::new(Connection, "CLIENT|ID", 2, "", "returns the number of this connection", answers!(client::id))
            .light()
            .flags(OWN, CONNECTION),
        Command::new(Connection, "CLIENT|GETNAME", 2, "", "returns the name of this connection, or null", answers!(client::getname))
            .light()
            .flags(OWN, CONNECTION),
        Command::new(Connection, "CLIENT|SETNAME", 3, "name", "names this connection with at most 512 bytes", answers!(client::setname))
            .light()
            .flags(OWN, CONNECTION),
        Command::new(Connection, "CLIENT|SETINFO", 4, "LIB-NAME name|LIB-VER version", "records the library that the client uses, as Redis 7.2 does", answers!(client::setinfo))
            .light()
            .flags(OWN, CONNECTION),
        Command::new(Connection, "CLIENT|INFO", 2, "", "returns this connection's line of CLIENT LIST", answers!(client::info))
            .light()
            .flags(OWN, CONNECTION)
            .tips(CHANGES),
        Command::new(Connection, "CLIENT|LIST", -2, "[TYPE normal|master|replica|pubsub] [ID number [number ...]]", "returns a line for each connection", answers!(client::list))
            .light()
            .flags(OTHERS, CONNECTION)
            .tips(CHANGES),
        Command::new(Connection, "CLIENT|KILL", -3, "ip:port | [ID number] [ADDR ip:port] [LADDR ip:port] [TYPE type] [USER name] [SKIPME yes|no]", "closes connections and returns OK for ip:port, otherwise their number", answers!(client::kill))
            .light()
            .flags(OTHERS, CONNECTION),
        Command::new(Connection, "CLIENT|NO-EVICT", 3, "ON|OFF", "has no effect: connections are never evicted", answers!(client::no_evict))
            .light()
            .flags(OTHERS, CONNECTION),
        Command::new(Connection, "CLIENT|REPLY", 3, "ON|OFF|SKIP", "chooses which replies are sent", answers!(client::reply))
            .light()
            .flags(OWN, CONNECTION),
        Command::new(Connection, "CLIENT|HELP", 2, "", "these lines", answers!(introspect::help))
            .light()
            .flags(ANY_TIME, CONNECTION),
    ];

    pub(super) const COMMAND: &'static [Command<M>] = &[
        Command::new(
            Report,
            "COMMAND|COUNT",
            2,
            "",
            "returns the number of commands",
            answers!(introspect::count),
        )
        .light()
        .flags(ANY_TIME, CONNECTION),
        Command::new(
            Report,
            "COMMAND|LIST",
            -2,
            "[FILTERBY MODULE name|ACLCAT category|PATTERN pattern]",
            "returns the names of commands and subcommands",
            answers!(introspect::list),
        )
        .light()
        .flags(ANY_TIME, CONNECTION)
        .tips(ANY_ORDER),
        Command::new(
            Report,
            "COMMAND|INFO",
            -2,
            "[name ...]",
            "returns arity, flags, keys and categories of commands",
            answers!(introspect::info),
        )
        .light()
        .flags(ANY_TIME, CONNECTION)
        .tips(ANY_ORDER),
        Command::new(
            Report,
            "COMMAND|DOCS",
            -2,
            "[name ...]",
            "returns summaries and arguments of commands",
            answers!(introspect::docs),
        )
        .light()
        .flags(ANY_TIME, CONNECTION)
        .tips(ANY_ORDER),
        Command::new(
            Report,
            "COMMAND|GETKEYS",
            -4,
            "command argument [argument ...]",
            "returns the keys of a request",
            answers!(introspect::getkeys),
        )
        .light()
        .flags(ANY_TIME, CONNECTION),
        Command::new(
            Report,
            "COMMAND|GETKEYSANDFLAGS",
            -4,
            "command argument [argument ...]",
            "returns the keys of a request, and how it uses each",
            answers!(introspect::getkeysandflags),
        )
        .light()
        .flags(ANY_TIME, CONNECTION),
        Command::new(Report, "COMMAND|HELP", 2, "", "these lines", answers!(introspect::help))
            .light()
            .flags(ANY_TIME, CONNECTION),
    ];

    pub(super) const CONFIG: &'static [Command<M>] = &[
        Command::new(
            Report,
            "CONFIG|GET",
            -3,
            "pattern [pattern ...]",
            "returns the settings whose names match",
            answers!(config::get),
        )
        .light()
        .flags(OTHERS, 0),
        Command::new(
            Report,
            "CONFIG|SET",
            -4,
            "name value [name value ...]",
            "is refused: the kernel command line has the settings",
            answers!(config::set),
        )
        .light()
        .flags(OTHERS, 0)
        .tips(ALL_NODES),
        Command::new(
            Report,
            "CONFIG|RESETSTAT",
            2,
            "",
            "resets the counters of the traffic to 0",
            answers!(config::resetstat),
        )
        .light()
        .flags(OTHERS, 0),
        Command::new(
            Report,
            "CONFIG|REWRITE",
            2,
            "",
            "is refused: there is no file",
            answers!(config::rewrite),
        )
        .light()
        .flags(OTHERS, 0),
        Command::new(Report, "CONFIG|HELP", 2, "", "these lines", answers!(introspect::help))
            .light()
            .flags(ANY_TIME, 0),
    ];

    pub(super) const MEMORY: &'static [Command<M>] = &[
        Command::new(
            Key,
            "MEMORY|USAGE",
            -3,
            "key [SAMPLES count]",
            "bytes of pages, guard and entries",
            answers!(keys::memory_usage),
        )
        .light()
        .flags(READONLY, 0)
        .keys(Keys::fixed(2, 2, 1, "RO"))
        .errors("BUSY"),
        Command::new(Key, "MEMORY|HELP", 2, "", "these lines", answers!(introspect::help))
            .light()
            .flags(ANY_TIME, 0),
    ];
}

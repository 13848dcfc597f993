//! Every subcommand, by its command.

use vmalloc::Machine;

use super::Group::{Connection, Key, Report};
use super::flags::{ADMIN, CONNECTION, LOADING, NOSCRIPT, READONLY, STALE};
use super::{Command, Commands, Keys};
use crate::service::{client, command, config, keys};

/// Flags of what is served at any time.
const ANY_TIME: u32 = LOADING | STALE;
/// Flags of what is about the connection that asks.
const OWN: u32 = NOSCRIPT | ANY_TIME;
/// Flags of what is about the server or other connections.
const OTHERS: u32 = ADMIN | OWN;

const CHANGES: &str = "nondeterministic_output";
const ANY_ORDER: &str = "nondeterministic_output_order";
const ALL_NODES: &str = "request_policy:all_nodes response_policy:all_succeeded";

impl<M: Machine + 'static> Commands<M> {
    pub(super) const CLIENT: &'static [Command<M>] = &[
        Command::new(Connection, "CLIENT|ID", 2, "", "the number of this connection", client::id)
            .light()
            .flags(OWN, CONNECTION),
        Command::new(Connection, "CLIENT|GETNAME", 2, "", "its name, or null", client::getname)
            .light()
            .flags(OWN, CONNECTION),
        Command::new(Connection, "CLIENT|SETNAME", 3, "name", "names this connection, with at most 512 bytes", client::setname)
            .light()
            .flags(OWN, CONNECTION),
        Command::new(Connection, "CLIENT|SETINFO", 4, "LIB-NAME name|LIB-VER version", "notes the library that the client uses, as Redis 7.2 does", client::setinfo)
            .light()
            .flags(OWN, CONNECTION),
        Command::new(Connection, "CLIENT|INFO", 2, "", "this connection's line of CLIENT LIST", client::info)
            .light()
            .flags(OWN, CONNECTION)
            .tips(CHANGES),
        Command::new(Connection, "CLIENT|LIST", -2, "[TYPE normal|master|replica|pubsub] [ID number [number ...]]", "a line for each connection", client::list)
            .light()
            .flags(OTHERS, CONNECTION)
            .tips(CHANGES),
        Command::new(Connection, "CLIENT|KILL", -3, "ip:port | [ID number] [ADDR ip:port] [LADDR ip:port] [TYPE type] [USER name] [SKIPME yes|no]", "closes connections: how many", client::kill)
            .light()
            .flags(OTHERS, CONNECTION),
        Command::new(Connection, "CLIENT|NO-EVICT", 3, "ON|OFF", "notes the wish; connections are never evicted", client::no_evict)
            .light()
            .flags(OTHERS, CONNECTION),
        Command::new(Connection, "CLIENT|REPLY", 3, "ON|OFF|SKIP", "which replies are sent", client::reply)
            .light()
            .flags(OWN, CONNECTION),
        Command::new(Connection, "CLIENT|HELP", 2, "", "these lines", command::help)
            .light()
            .flags(ANY_TIME, CONNECTION),
    ];

    pub(super) const COMMAND: &'static [Command<M>] = &[
        Command::new(Report, "COMMAND|COUNT", 2, "", "how many commands there are", command::count)
            .light()
            .flags(ANY_TIME, CONNECTION),
        Command::new(
            Report,
            "COMMAND|LIST",
            -2,
            "[FILTERBY MODULE name|ACLCAT category|PATTERN pattern]",
            "names of commands and subcommands",
            command::list,
        )
        .light()
        .flags(ANY_TIME, CONNECTION)
        .tips(ANY_ORDER),
        Command::new(
            Report,
            "COMMAND|INFO",
            -2,
            "[name ...]",
            "arity, flags, keys and categories of commands",
            command::info,
        )
        .light()
        .flags(ANY_TIME, CONNECTION)
        .tips(ANY_ORDER),
        Command::new(
            Report,
            "COMMAND|DOCS",
            -2,
            "[name ...]",
            "summaries and arguments of commands",
            command::docs,
        )
        .light()
        .flags(ANY_TIME, CONNECTION)
        .tips(ANY_ORDER),
        Command::new(
            Report,
            "COMMAND|GETKEYS",
            -4,
            "command argument [argument ...]",
            "the keys of a request",
            command::getkeys,
        )
        .light()
        .flags(ANY_TIME, CONNECTION),
        Command::new(
            Report,
            "COMMAND|GETKEYSANDFLAGS",
            -4,
            "command argument [argument ...]",
            "the keys of a request, and how it uses each",
            command::getkeysandflags,
        )
        .light()
        .flags(ANY_TIME, CONNECTION),
        Command::new(Report, "COMMAND|HELP", 2, "", "these lines", command::help)
            .light()
            .flags(ANY_TIME, CONNECTION),
    ];

    pub(super) const CONFIG: &'static [Command<M>] = &[
        Command::new(
            Report,
            "CONFIG|GET",
            -3,
            "pattern [pattern ...]",
            "settings whose names match",
            config::get,
        )
        .light()
        .flags(OTHERS, 0),
        Command::new(
            Report,
            "CONFIG|SET",
            -4,
            "name value [name value ...]",
            "refused: settings are those of the kernel command line",
            config::set,
        )
        .light()
        .flags(OTHERS, 0)
        .tips(ALL_NODES),
        Command::new(
            Report,
            "CONFIG|RESETSTAT",
            2,
            "",
            "counts the traffic from 0 again",
            config::resetstat,
        )
        .light()
        .flags(OTHERS, 0),
        Command::new(Report, "CONFIG|REWRITE", 2, "", "refused: there is no file", config::rewrite)
            .light()
            .flags(OTHERS, 0),
        Command::new(Report, "CONFIG|HELP", 2, "", "these lines", command::help)
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
            keys::memory_usage,
        )
        .light()
        .flags(READONLY, 0)
        .keys(Keys::fixed(2, 2, 1, "RO"))
        .errors("BUSY"),
        Command::new(Key, "MEMORY|HELP", 2, "", "these lines", command::help)
            .light()
            .flags(ANY_TIME, 0),
    ];
}

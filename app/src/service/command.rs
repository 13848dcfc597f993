//! `COMMAND`: the table of commands, as clients read it.

mod docs;
mod facts;

use vmalloc::Machine;

use super::call::Call;
use super::failure::{Failure, Word};
use super::glob::{self, Case};
use super::keys;
use super::table::{Command, Commands, Found};
use crate::resp::{Arguments, Reply};

pub(super) use docs::docs;

/// `COMMAND`: the facts of all commands.
pub(super) fn command<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let table = Commands::<M>::TABLE;
    call.reply.array(table.len());
    table.iter().for_each(|command| facts::write(command, call.reply));
    Ok(())
}

/// `COMMAND COUNT`: how many commands there are, without subcommands.
pub(super) fn count<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    call.reply.integer(Commands::<M>::TABLE.len() as u64);
    Ok(())
}

/// `COMMAND INFO [name …]`: the facts of some commands, null for each that there is not.
pub(super) fn info<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let names = call.arguments.count() - 2;
    if names == 0 {
        return command(call);
    }
    call.reply.array(names);
    for name in call.arguments.iter().skip(2) {
        match Commands::<M>::find_full(name) {
            Some(command) => facts::write(command, call.reply),
            None => call.reply.null(),
        }
    }
    Ok(())
}

/// `COMMAND LIST [FILTERBY MODULE name|ACLCAT category|PATTERN pattern]`: full names.
pub(super) fn list<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let filter = Filter::parse(call.arguments)?;
    call.reply.array_by(|reply| {
        let wanted = Commands::<M>::all().filter(|command| filter.admits(command));
        wanted.map(|command| bulk_in_lower_case(command.name, reply)).count()
    });
    Ok(())
}

/// Which commands `COMMAND LIST` names.
enum Filter<'a> {
    All,
    /// There are no modules.
    Module,
    Category(&'a [u8]),
    Pattern(&'a [u8]),
}

impl<'a> Filter<'a> {
    fn parse(arguments: Arguments<'a>) -> Result<Self, Failure> {
        let word = |at| arguments.get(at).unwrap_or_default();
        let is = |at, name: &str| word(at).eq_ignore_ascii_case(name.as_bytes());
        match arguments.count() {
            2 => Ok(Self::All),
            5 if is(2, "FILTERBY") && is(3, "MODULE") => Ok(Self::Module),
            5 if is(2, "FILTERBY") && is(3, "ACLCAT") => Ok(Self::Category(word(4))),
            5 if is(2, "FILTERBY") && is(3, "PATTERN") => {
                Ok(Self::Pattern(keys::checked_pattern(word(4))?))
            }
            _ => Err(Failure::Redis("syntax error")),
        }
    }

    fn admits<M: Machine>(&self, command: &Command<M>) -> bool {
        match self {
            Self::All => true,
            Self::Module => false,
            Self::Category(wanted) => command.flags.categories().any(|category| {
                let name = category.strip_prefix('@').unwrap_or(category);
                wanted.eq_ignore_ascii_case(name.as_bytes())
            }),
            Self::Pattern(pattern) => {
                // A pattern is short, so all commands take less than `STEPS_MAX` comparisons.
                glob::matches(pattern, command.name.as_bytes(), Case::Ignored)
            }
        }
    }
}

/// `COMMAND GETKEYS command argument …`: the keys of a request that is not served.
pub(super) fn getkeys<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let request = call.arguments.skip(2);
    let command = with_keys::<M>(request)?;
    call.reply.array_by(|reply| command.keys.of(request).map(|key| reply.bulk(key)).count());
    Ok(())
}

/// `COMMAND GETKEYSANDFLAGS command argument …`: the keys, each with how the request uses it.
pub(super) fn getkeysandflags<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let request = call.arguments.skip(2);
    let command = with_keys::<M>(request)?;
    let access = facts::access_of(command, request);
    call.reply.array_by(|reply| {
        let keys = command.keys.of(request).map(|key| {
            reply.array(2);
            reply.bulk(key);
            facts::words(access.split_whitespace(), reply);
        });
        keys.count()
    });
    Ok(())
}

/// The command of a request whose keys are asked for.
fn with_keys<M: Machine>(request: Arguments<'_>) -> Result<&'static Command<M>, Failure> {
    let Found::Command(_, command) = Commands::<M>::look_up(request) else {
        return Err(Failure::Redis("Invalid command specified"));
    };
    if !command.keys.can_be() {
        return Err(Failure::Redis("The command has no key arguments"));
    }
    if !command.takes(request.count()) {
        return Err(Failure::Redis("Invalid number of arguments specified for command"));
    }
    if command.keys.of(request).next().is_none() && !command.flags.make_keys_optional() {
        return Err(Failure::Redis("Invalid arguments specified for command"));
    }
    Ok(command)
}

/// `HELP` of a command that has subcommands: a line for the syntax of each, and one for what it does.
pub(super) fn help<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let Some(command) = Commands::<M>::find(call.argument(0)) else {
        return Err(Failure::Quoted("unknown command '", Word::new(call.argument(0)), "'"));
    };
    call.reply.array(1 + 2 * command.subcommands.len());
    let name = command.name;
    call.reply
        .status_of(format_args!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for subcommand in command.subcommands {
        let (last_name, syntax) = (subcommand.last_name(), subcommand.syntax);
        let separator = if syntax.is_empty() { "" } else { " " };
        call.reply.status_of(format_args!("{last_name}{separator}{syntax}"));
        call.reply.status_of(format_args!("    {}", subcommand.summary));
    }
    Ok(())
}

fn bulk_in_lower_case(name: &str, reply: &mut Reply<'_>) {
    reply.bulk_by(|reply| {
        name.bytes().for_each(|byte| reply.raw(&[byte.to_ascii_lowercase()]));
    });
}

//! `COMMAND`: describes the commands for clients.

mod docs;
mod facts;
mod lower_case;

use vmalloc::Access;

use crate::resp::Arguments;
use crate::service::call::Call;
use crate::service::catalog::{Catalog, Facts, Lookup};
use crate::service::failure::{Failure, Word};
use crate::service::parse::glob::{self, Case};
use crate::service::parse::pattern;
use lower_case::bulk_in_lower_case;

pub(in crate::service) use docs::docs;

/// Serves `COMMAND`: replies with the facts of all commands.
pub(in crate::service) fn command<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let catalog = call.parts.catalog;
    call.reply.array(catalog.commands().len());
    catalog.commands().iter().for_each(|command| facts::write(&catalog, command, call.reply));
    Ok(())
}

/// Serves `COMMAND COUNT`: replies with the number of commands, without subcommands.
pub(in crate::service) fn count<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    call.reply.integer(call.parts.catalog.commands().len() as u64);
    Ok(())
}

/// Serves `COMMAND INFO [name …]`: replies with the facts of the named commands, and with a null
/// for each unknown name.
pub(in crate::service) fn info<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let names = call.arguments.count() - 2;
    if names == 0 {
        return command(call);
    }
    let catalog = call.parts.catalog;
    call.reply.array(names);
    for name in call.arguments.iter().skip(2) {
        match catalog.find_full(name) {
            Some(command) => facts::write(&catalog, command, call.reply),
            None => call.reply.null(),
        }
    }
    Ok(())
}

/// Serves `COMMAND LIST [FILTERBY MODULE name|ACLCAT category|PATTERN pattern]`: replies with the
/// full names of the commands that pass the filter.
pub(in crate::service) fn list<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let filter = ListFilter::parse(call.arguments)?;
    let all = call.parts.catalog.all();
    call.reply.array_by(|reply| {
        let wanted = all.iter().filter(|command| filter.admits(command));
        wanted.map(|command| bulk_in_lower_case(command.name, reply)).count()
    });
    Ok(())
}

/// The filter of `COMMAND LIST`.
enum ListFilter<'a> {
    All,
    /// The commands of a module. The image has no modules, so no command passes.
    Module,
    Category(&'a [u8]),
    Pattern(&'a [u8]),
}

impl<'a> ListFilter<'a> {
    fn parse(arguments: Arguments<'a>) -> Result<Self, Failure> {
        let word = |at| arguments.get(at).unwrap_or_default();
        let is = |at, name: &str| word(at).eq_ignore_ascii_case(name.as_bytes());
        match arguments.count() {
            2 => Ok(Self::All),
            5 if is(2, "FILTERBY") && is(3, "MODULE") => Ok(Self::Module),
            5 if is(2, "FILTERBY") && is(3, "ACLCAT") => Ok(Self::Category(word(4))),
            5 if is(2, "FILTERBY") && is(3, "PATTERN") => {
                Ok(Self::Pattern(pattern::checked(word(4))?))
            }
            _ => Err(Failure::Redis("syntax error")),
        }
    }

    fn admits(&self, command: &Facts) -> bool {
        match self {
            Self::All => true,
            Self::Module => false,
            Self::Category(wanted) => command.flags.categories().any(|category| {
                let name = category.strip_prefix('@').unwrap_or(category);
                wanted.eq_ignore_ascii_case(name.as_bytes())
            }),
            Self::Pattern(pattern) => {
                // A pattern is short, so matching it with all commands takes fewer comparisons than
                // `STEPS_MAX`.
                glob::matches(pattern, command.name.as_bytes(), Case::Ignored)
            }
        }
    }
}

/// Serves `COMMAND GETKEYS command argument …`: replies with the keys of the given request, without
/// serving that request.
pub(in crate::service) fn getkeys<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let request = call.arguments.skip(2);
    let command = with_keys(&call.parts.catalog, request)?;
    call.reply.array_by(|reply| command.keys.of(request).map(|key| reply.bulk(key)).count());
    Ok(())
}

/// Serves `COMMAND GETKEYSANDFLAGS command argument …`: replies with the keys of the given request,
/// and with the use of each key by the request.
pub(in crate::service) fn getkeysandflags<M: Access>(
    call: &mut Call<'_, '_, M>,
) -> Result<(), Failure> {
    let request = call.arguments.skip(2);
    let command = with_keys(&call.parts.catalog, request)?;
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

/// Finds the command of a given request, and checks that the command has keys.
fn with_keys(catalog: &Catalog, request: Arguments<'_>) -> Result<&'static Facts, Failure> {
    let Lookup::Command(number) = catalog.look_up(request) else {
        return Err(Failure::Redis("Invalid command specified"));
    };
    let command = catalog.at(number);
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

/// Serves the subcommand `HELP`: replies with two lines for each subcommand, its syntax and its
/// summary.
pub(in crate::service) fn help<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let catalog = call.parts.catalog;
    let Some(command) = catalog.find(call.argument(0)) else {
        return Err(Failure::Quoted("unknown command '", Word::new(call.argument(0)), "'"));
    };
    let subcommands = catalog.subcommands(command);
    call.reply.array(1 + 2 * subcommands.len());
    let name = command.name;
    call.reply
        .status_of(format_args!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for subcommand in subcommands {
        let (last_name, syntax) = (subcommand.last_name(), subcommand.syntax);
        let separator = if syntax.is_empty() { "" } else { " " };
        call.reply.status_of(format_args!("{last_name}{separator}{syntax}"));
        call.reply.status_of(format_args!("    {}", subcommand.summary));
    }
    Ok(())
}

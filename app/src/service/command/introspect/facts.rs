//! Writes the facts of a command for `COMMAND INFO`: arity, flags, key positions, categories, tips,
//! key specifications and subcommands.

use super::lower_case::bulk_in_lower_case;
use crate::resp::{Arguments, Reply};
use crate::service::catalog::keys::KeyPositions;
use crate::service::catalog::{Catalog, Facts};

/// Writes the facts of a command as an element of `COMMAND INFO`.
pub(super) fn write(catalog: &Catalog, command: &Facts, reply: &mut Reply<'_>) {
    reply.array(10);
    bulk_in_lower_case(command.name, reply);
    reply.signed(command.arity.into());
    words(command.flags.words(), reply);
    command.keys.positions().into_iter().for_each(|number| reply.signed(number));
    words(command.flags.categories(), reply);
    let tips = command.tips.split_whitespace();
    reply.set(tips.clone().count());
    tips.for_each(|tip| reply.bulk(tip.as_bytes()));
    specification(command, reply);
    let subcommands = catalog.subcommands(command);
    reply.set(subcommands.len());
    subcommands.iter().for_each(|subcommand| write(catalog, subcommand, reply));
}

/// Writes words as a set of simple strings.
pub(super) fn words<'a>(words: impl Iterator<Item = &'a str> + Clone, reply: &mut Reply<'_>) {
    reply.set(words.clone().count());
    words.for_each(|word| reply.status(word));
}

/// Returns the use of the keys by a request, which may depend on the options of the request.
pub(super) fn access_of(command: &Facts, request: Arguments<'_>) -> &'static str {
    let has_get = || request.iter().skip(3).any(|option| option.eq_ignore_ascii_case(b"GET"));
    match command.name {
        "SET" if has_get() => "RW access update",
        "SET" => "OW update",
        _ => command.keys.access,
    }
}

/// Writes the key specification of a command. Keys are at a position, after a word, or unspecified.
fn specification(command: &Facts, reply: &mut Reply<'_>) {
    if !command.keys.can_be() {
        reply.set(0);
        return;
    }
    reply.set(1);
    reply.map(3);
    reply.bulk(b"flags");
    words(command.keys.access.split_whitespace(), reply);
    reply.bulk(b"begin_search");
    match command.keys.place {
        KeyPositions::Fixed { first, last, step } => {
            typed("index", &[("index", i64::from(first))], reply);
            // In a specification, the last key counts from the first key, unless it counts from the
            // end.
            let last = if last < 0 { last.into() } else { i64::from(last) - i64::from(first) };
            range(last, step.into(), reply);
        }
        KeyPositions::Named { first } => {
            kind_of("keyword", reply);
            reply.map(2);
            reply.bulk(b"keyword");
            reply.bulk(b"NAME");
            reply.bulk(b"startfrom");
            reply.integer(first.into());
            range(0, 1, reply);
        }
        KeyPositions::Nowhere | KeyPositions::Regions { .. } => {
            typed("unknown", &[], reply);
            reply.bulk(b"find_keys");
            typed("unknown", &[], reply);
        }
    }
}

fn range(last: i64, step: i64, reply: &mut Reply<'_>) {
    reply.bulk(b"find_keys");
    typed("range", &[("lastkey", last), ("keystep", step), ("limit", 0)], reply);
}

/// Writes the type of a search and its parameters.
fn typed(kind: &str, numbers: &[(&str, i64)], reply: &mut Reply<'_>) {
    kind_of(kind, reply);
    reply.map(numbers.len());
    for (name, number) in numbers {
        reply.bulk(name.as_bytes());
        reply.signed(*number);
    }
}

fn kind_of(kind: &str, reply: &mut Reply<'_>) {
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(kind.as_bytes());
    reply.bulk(b"spec");
}

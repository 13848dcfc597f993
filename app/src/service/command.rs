//! `COMMAND`: the table of commands, as clients read it.

use core::str::SplitWhitespace;

use vmalloc::Machine;

use super::call::Call;
use super::failure::{Failure, Word};
use super::table::{Command, Commands, Group};
use crate::resp::Reply;

/// The first version that has all of them, for those who ask since when.
const SINCE: &str = env!("CARGO_PKG_VERSION");

/// `COMMAND [COUNT|LIST|INFO [name …]|DOCS [name …]|HELP]`
pub(super) fn command<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let table = Commands::<M>::TABLE;
    let subcommand = call.arguments.get(1).unwrap_or(b"INFO");
    let is = |name: &str| subcommand.eq_ignore_ascii_case(name.as_bytes());
    let names = call.arguments.count().saturating_sub(2);
    if is("COUNT") {
        call.reply.integer(table.len() as u64);
    } else if is("LIST") {
        call.reply.array(table.len());
        for command in table {
            call.reply.bulk(command.name.as_bytes());
        }
    } else if is("INFO") && names == 0 {
        call.reply.array(table.len());
        table.iter().for_each(|command| facts(command, call.reply));
    } else if is("INFO") {
        call.reply.array(names);
        for name in call.arguments.iter().skip(2) {
            match Commands::<M>::find(name) {
                Some(command) => facts(command, call.reply),
                None => call.reply.null_array(),
            }
        }
    } else if is("DOCS") {
        let wanted = |command: &&Command<M>| {
            let is_it = |name: &[u8]| name.eq_ignore_ascii_case(command.name.as_bytes());
            names == 0 || call.arguments.iter().skip(2).any(is_it)
        };
        call.reply.map_by(|reply| {
            table.iter().filter(wanted).map(|command| docs(command, reply)).count()
        });
    } else {
        return help(call, "COMMAND");
    }
    Ok(())
}

/// `HELP` of a command that has subcommands; any other that it does not know is an error.
pub(super) fn help<M: Machine>(
    call: &mut Call<'_, '_, M>,
    name: &'static str,
) -> Result<(), Failure> {
    let subcommand = call.argument(1);
    let is_asked = subcommand.eq_ignore_ascii_case(b"HELP") && call.arguments.count() == 2;
    let Some(command) = Commands::<M>::find(name.as_bytes()).filter(|_| is_asked) else {
        return Err(Failure::Subcommand(name, Word::new(subcommand)));
    };
    call.reply.array(2);
    call.reply.status_of(format_args!("{name} {}", command.syntax));
    call.reply.status(command.summary);
    Ok(())
}

/// Name, arity, flags, where its keys are, and four lists that are empty here.
fn facts<M: Machine>(command: &Command<M>, reply: &mut Reply<'_>) {
    let is_key = command.group == Group::Key && command.arity != 1 && command.name != "SCAN";
    let has_more = command.syntax.starts_with("key [key");
    reply.array(10);
    bulk_in_lower_case(command.name, reply);
    reply.signed(command.arity.into());
    reply.array(1);
    reply.status(if command.is_light { "readonly" } else { "write" });
    let keys = if is_key { [1, if has_more { -1 } else { 1 }, 1] } else { [0; 3] };
    keys.into_iter().for_each(|number| reply.signed(number));
    (0..4).for_each(|_| reply.array(0));
}

fn docs<M: Machine>(command: &Command<M>, reply: &mut Reply<'_>) {
    bulk_in_lower_case(command.name, reply);
    reply.map(4);
    for (name, value) in
        [("summary", command.summary), ("since", SINCE), ("group", command.group.name())]
    {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"arguments");
    reply.array_by(|reply| Parts::of(command.syntax).map(|part| argument(part, reply)).count());
}

/// An argument, shown as the table has it.
fn argument(part: &str, reply: &mut Reply<'_>) {
    let inner = part.strip_prefix('[').and_then(|part| part.strip_suffix(']'));
    reply.map(if inner.is_some() { 4 } else { 3 });
    let text = inner.unwrap_or(part);
    for (name, value) in [("name", text), ("type", "string"), ("display_text", text)] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    if inner.is_some() {
        reply.bulk(b"flags");
        reply.array(1);
        reply.status("optional");
    }
}

fn bulk_in_lower_case(name: &str, reply: &mut Reply<'_>) {
    reply.bulk_by(|reply| {
        name.bytes().for_each(|byte| reply.raw(&[byte.to_ascii_lowercase()]));
    });
}

/// The parts of a syntax: words, and what stands in brackets whole.
struct Parts<'a> {
    text: &'a str,
    words: SplitWhitespace<'a>,
}

impl<'a> Parts<'a> {
    fn of(syntax: &'a str) -> Self {
        Self { text: syntax, words: syntax.split_whitespace() }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let first = self.words.next()?;
        let start = first.as_ptr().addr() - self.text.as_ptr().addr();
        let (mut end, mut depth) = (start, 0);
        let mut word = first;
        loop {
            depth += word.matches('[').count();
            depth -= word.matches(']').count().min(depth);
            end = end.max(word.as_ptr().addr() - self.text.as_ptr().addr() + word.len());
            if depth == 0 {
                return self.text.get(start..end);
            }
            word = self.words.next()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Parts;

    #[test]
    fn brackets_stay_together() {
        let parts: Vec<&str> = Parts::of("size [ALIGN a] [NAME k [REPLACE]] [SOFT]").collect();
        assert_eq!(parts, ["size", "[ALIGN a]", "[NAME k [REPLACE]]", "[SOFT]"]);
        assert_eq!(Parts::of("GET [a").collect::<Vec<_>>(), ["GET"]);
        assert_eq!(Parts::of("").count(), 0);
    }
}

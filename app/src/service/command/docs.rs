//! Summaries and arguments of commands, from which clients make their hints and help.

use core::str::SplitWhitespace;

use vmalloc::Machine;

use super::bulk_in_lower_case;
use crate::resp::Reply;
use crate::service::call::Call;
use crate::service::failure::Failure;
use crate::service::table::{Command, Commands};

/// The first version that has all of them, for those who ask since when.
const SINCE: &str = env!("CARGO_PKG_VERSION");

/// `COMMAND DOCS [name …]`: a map from names to documents, without those that there are not.
pub(in crate::service) fn docs<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let names = call.arguments;
    if names.count() == 2 {
        let table = Commands::<M>::TABLE;
        call.reply.map(table.len());
        table.iter().for_each(|command| document(command, call.reply));
        return Ok(());
    }
    call.reply.map_by(|reply| {
        let commands = names.iter().skip(2).filter_map(Commands::<M>::find_full);
        commands.map(|command| document(command, reply)).count()
    });
    Ok(())
}

/// A name and its document.
fn document<M: Machine>(command: &Command<M>, reply: &mut Reply<'_>) {
    bulk_in_lower_case(command.name, reply);
    let has_arguments = command.subcommands.is_empty() && !command.syntax.is_empty();
    let has_subcommands = !command.subcommands.is_empty();
    reply.map(3 + usize::from(has_arguments) + usize::from(has_subcommands));
    for (name, value) in
        [("summary", command.summary), ("since", SINCE), ("group", command.group.name())]
    {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    if has_arguments {
        reply.bulk(b"arguments");
        reply.array_by(|reply| Parts::of(command.syntax).map(|part| argument(part, reply)).count());
    }
    if has_subcommands {
        reply.bulk(b"subcommands");
        reply.map(command.subcommands.len());
        command.subcommands.iter().for_each(|subcommand| document(subcommand, reply));
    }
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

//! `COMMAND DOCS`: summaries and arguments of commands, which clients show as hints and help.

use core::str::SplitWhitespace;

use vmalloc::Access;

use super::lower_case::bulk_in_lower_case;
use crate::resp::Reply;
use crate::service::call::Call;
use crate::service::catalog::{Catalog, Facts};
use crate::service::failure::Failure;

/// The value of `since`: the first version that has all commands.
const SINCE: &str = env!("CARGO_PKG_VERSION");

/// Serves `COMMAND DOCS [name …]`: replies with a map from names to documents. Unknown names are
/// left out of the map.
pub(in crate::service) fn docs<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let (names, catalog) = (call.arguments, call.parts.catalog);
    if names.count() == 2 {
        call.reply.map(catalog.commands().len());
        catalog.commands().iter().for_each(|command| document(&catalog, command, call.reply));
        return Ok(());
    }
    call.reply.map_by(|reply| {
        let commands = names.iter().skip(2).filter_map(|name| catalog.find_full(name));
        commands.map(|command| document(&catalog, command, reply)).count()
    });
    Ok(())
}

/// Writes the name of a command and its document.
fn document(catalog: &Catalog, command: &Facts, reply: &mut Reply<'_>) {
    bulk_in_lower_case(command.name, reply);
    let has_arguments = !command.has_subcommands() && !command.syntax.is_empty();
    let has_subcommands = command.has_subcommands();
    reply.map(3 + usize::from(has_arguments) + usize::from(has_subcommands));
    for (name, value) in
        [("summary", command.summary), ("since", SINCE), ("group", command.group.name())]
    {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    if has_arguments {
        reply.bulk(b"arguments");
        reply.array_by(|reply| {
            SyntaxParts::of(command.syntax).map(|part| argument(part, reply)).count()
        });
    }
    if has_subcommands {
        reply.bulk(b"subcommands");
        let subcommands = catalog.subcommands(command);
        reply.map(subcommands.len());
        subcommands.iter().for_each(|subcommand| document(catalog, subcommand, reply));
    }
}

/// Writes an argument of the syntax in the notation of the command table.
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

/// Iterates over the parts of a syntax. A part is a single word, or a whole bracket.
struct SyntaxParts<'a> {
    text: &'a str,
    words: SplitWhitespace<'a>,
}

impl<'a> SyntaxParts<'a> {
    fn of(syntax: &'a str) -> Self {
        Self { text: syntax, words: syntax.split_whitespace() }
    }
}

impl<'a> Iterator for SyntaxParts<'a> {
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
    use super::SyntaxParts;

    #[test]
    fn brackets_stay_together() {
        let parts: Vec<&str> =
            SyntaxParts::of("size [ALIGN a] [NAME k [REPLACE]] [SOFT]").collect();
        assert_eq!(parts, ["size", "[ALIGN a]", "[NAME k [REPLACE]]", "[SOFT]"]);
        assert_eq!(SyntaxParts::of("GET [a").collect::<Vec<_>>(), ["GET"]);
        assert_eq!(SyntaxParts::of("").count(), 0);
    }
}

//! The page docs/protocol.md is written from a head and the image's table of commands.

use std::fmt::Write;
use std::{env, fs};

use app::service::{Commands, Facts, Group};
use vmalloc::sim::SimMachine;

/// Everything in front of the tables.
const HEAD: &str = include_str!("protocol.md.in");

fn page() -> String {
    let mut text = HEAD.to_owned();
    for group in Group::ALL {
        let _ = write!(
            text,
            "\n### {}\n\n| command | effect and reply | errors |\n|---|---|---|\n",
            title(group)
        );
        let catalog = Commands::<SimMachine>::CATALOG;
        let all = catalog.commands().iter();
        for command in all.filter(|command| command.group == group) {
            row(&mut text, command.name, command);
            let subcommands = catalog.subcommands(command).iter();
            for subcommand in subcommands.filter(|subcommand| subcommand.last_name() != "HELP") {
                row(&mut text, &subcommand.name.replace('|', " "), subcommand);
            }
        }
    }
    text
}

fn row(text: &mut String, name: &str, command: &Facts) {
    // The subcommands have rows of their own.
    let rest = if command.has_subcommands() { "…" } else { command.syntax };
    let syntax = format!("{name} {rest}").trim_end().replace('|', "\\|");
    let _ = writeln!(text, "| `{syntax}` | {} | {} |", command.summary, command.errors);
}

fn title(group: Group) -> &'static str {
    match group {
        Group::Region => "Regions",
        Group::Key => "Regions with a name, as string keys",
        Group::Report => "Reports and tools",
        Group::Connection => "Connections",
        Group::Transaction => "Transactions on the connection",
    }
}

#[test]
fn the_docs_list_every_command() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/protocol.md");
    let wanted = page();
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, wanted).unwrap();
    } else {
        let now = fs::read_to_string(path).unwrap();
        assert!(
            now == wanted,
            "{path} is out of date: UPDATE_DOCS=1 cargo test -p app command_docs"
        );
    }
}

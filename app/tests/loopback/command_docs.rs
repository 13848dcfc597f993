//! The table in docs/commands.md is written from the image's table of commands.

use std::fmt::Write;
use std::{env, fs};

use app::service::{Commands, Group};
use vmalloc::sim::SimMachine;

const BEGIN: &str =
    "<!-- commands: written by a test, UPDATE_DOCS=1 cargo test -p app command_docs -->\n";
const END: &str = "<!-- end of commands -->\n";

fn table() -> String {
    let mut text = String::new();
    for group in Group::ALL {
        let _ = write!(text, "\n| {} | what it does | errors |\n|---|---|---|\n", title(group));
        let catalog = Commands::<SimMachine>::CATALOG;
        let all = catalog.commands().iter();
        for command in all.filter(|command| command.group == group) {
            let names =
                catalog.subcommands(command).iter().map(|subcommand| subcommand.last_name());
            let chosen: Vec<&str> = names.filter(|name| *name != "HELP").collect();
            let rest = match chosen[..] {
                [] => command.syntax.to_owned(),
                [only] => format!("{only} {}", catalog.subcommands(command)[0].syntax),
                _ => chosen.join("|"),
            };
            let syntax = format!("{} {rest}", command.name).replace('|', "\\|");
            let (summary, errors) = (command.summary, command.errors);
            let _ = writeln!(text, "| `{}` | {summary} | {errors} |", syntax.trim_end());
        }
    }
    text.push('\n');
    text
}

fn title(group: Group) -> &'static str {
    match group {
        Group::Region => "regions",
        Group::Key => "regions with a name, as string keys",
        Group::Report => "reports and tools",
        Group::Connection => "connections",
        Group::Transaction => "transactions",
    }
}

#[test]
fn the_docs_list_every_command() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/commands.md");
    let page = fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has the table's beginning");
    let (now, after) = rest.split_once(END).expect("the page has the table's end");
    let wanted = table();
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, format!("{before}{BEGIN}{wanted}{END}{after}")).unwrap();
    } else {
        assert_eq!(now, wanted, "UPDATE_DOCS=1 cargo test -p app command_docs");
    }
}

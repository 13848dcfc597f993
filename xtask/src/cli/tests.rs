use std::any::TypeId;

use clap::CommandFactory;

use super::*;
use crate::qemu::Memory;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("xtask").chain(line.split(' ')))
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn query_keeps_every_word_of_the_command() {
    let cli = Cli::parse_from(["xtask", "query", "--name", "a", "VREAD", "@x", "0", "--raw"]);
    let Verb::Query(query) = cli.verb else { panic!("not a query") };
    assert_eq!(query.command, ["VREAD", "@x", "0", "--raw"]);
    assert!(!query.raw);
}

#[test]
fn run_has_the_documented_defaults() {
    let Verb::Run(run) = Cli::parse_from(["xtask", "run"]).verb else { panic!("not a run") };
    assert_eq!((run.port, run.name.as_str(), run.machine.timeout), (7379, "default", 60));
    let memory = run.machine.memory.to_string();
    assert_eq!((memory.as_str(), run.machine.machine.as_str()), ("512M", "q35"));
}

/// Options with a value that the parser must refuse: the verb, the option, the value, and the bound that the
/// error message must contain.
const REFUSED: &[(&str, &str, &str, &str)] = &[
    ("run", "--memory", "1M", "64M"),
    ("run", "--memory", "63M", "64M"),
    ("run", "--memory", "2T", "1024G"),
    ("run", "--memory", "lots", "as in 512M"),
    ("run", "--smp", "0", "1..=64"),
    ("run", "--smp", "65", "1..=64"),
    ("run", "--numa", "0", "1..=4"),
    ("run", "--numa", "5", "1..=4"),
    ("run", "--timeout", "0", "1..=86400"),
    ("run", "--timeout", "86401", "1..=86400"),
    ("run", "--port", "65536", "0..=65535"),
    ("run", "--http-port", "65536", "0..=65535"),
    ("load", "--memory", "1M", "64M"),
    ("load", "--smp", "65", "1..=64"),
    ("load", "--numa", "5", "1..=4"),
    ("load", "--timeout", "0", "1..=86400"),
    ("load", "--duration", "0", "1..=86400"),
    ("load", "--clients", "0", "1..=1000"),
    ("load", "--pipeline", "0", "1..=1024"),
    ("load", "--sizes", "2-1", "from 1 to 1T"),
    ("selftest", "--smp", "0", "1..=64"),
    ("selftest", "--smp", "65", "1..=64"),
    ("selftest", "--seconds", "0", "1..=240"),
    ("test", "--smp", "0", "1..=64"),
    ("test", "--smp", "65", "1..=64"),
    ("test", "--soak", "0", "1..=1440"),
    ("bench guest", "--memory", "1M", "64M"),
    ("bench guest", "--smp", "65", "1..=64"),
    ("bench guest", "--ms", "0", "1..=10000"),
    ("bench guest", "--ms", "10001", "1..=10000"),
    ("bench linux", "--ms", "0", "1..=10000"),
    ("bench linux", "--rounds", "0", "1..=99"),
    ("bench turns", "--smp", "0", "1..=64"),
    ("bench turns", "--seconds", "0", "1..=86400"),
    ("bench tcp", "--memory", "lots", "as in 512M"),
    ("bench tcp", "--smp", "65", "1..=64"),
    ("bench tcp", "--ms", "99", "100..=10000"),
    ("bench tcp", "--rounds", "0", "1..=99"),
    ("bench boot", "--boots", "0", "1..=999"),
];

#[test]
fn values_outside_of_their_bounds_are_refused_with_both() {
    for &(verb, option, value, bound) in REFUSED {
        let line = format!("{verb} {option} {value}");
        let Err(error) = parse(&line) else { panic!("{line} is accepted") };
        let message = error.to_string();
        for part in [option, value, bound] {
            assert!(message.contains(part), "{line}: no {part} in {message}");
        }
    }
}

/// Every option that takes a number must be in the table above, or be listed here as unbounded.
#[test]
fn every_number_has_bounds() {
    const UNBOUNDED: [&str; 1] = ["seed"];
    let mut verbs = vec![(String::new(), Cli::command())];
    while let Some((path, verb)) = verbs.pop() {
        for argument in verb.get_arguments().filter(|argument| is_number(argument)) {
            let option = argument.get_id().as_str();
            let is_known = |row: &&(&str, &str, &str, &str)| {
                row.0 == path && row.1.trim_start_matches('-').replace('-', "_") == option
            };
            let has_row = REFUSED.iter().any(|row| is_known(&row));
            assert!(has_row || UNBOUNDED.contains(&option), "{path} --{option} has no row");
        }
        for child in verb.get_subcommands() {
            let path = format!("{path} {}", child.get_name()).trim().to_owned();
            verbs.push((path, child.clone()));
        }
    }
}

/// Returns whether the type or the placeholder of an option shows that its value is a number.
fn is_number(argument: &clap::Arg) -> bool {
    let names = ["N", "S", "MS", "P", "SIZE", "SECONDS", "MINUTES"];
    let shown = argument.get_value_names().unwrap_or_default();
    let is_named = shown.iter().any(|name| names.contains(&name.as_str()));
    let value = argument.get_value_parser().type_id();
    let is_integer = [TypeId::of::<u16>(), TypeId::of::<u32>(), TypeId::of::<u64>()]
        .into_iter()
        .chain([TypeId::of::<usize>(), TypeId::of::<Memory>()])
        .any(|number| value == number);
    argument.get_action().takes_values() && (is_named || is_integer)
}

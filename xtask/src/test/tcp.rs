//! The test layer `tcp`: clients over TCP. Each case gets a newly booted image on a free port, or runs the
//! tool.
//!
//! To add a case, add a line to [`CASES`] and a function to a file in this folder.

mod abuse;
mod bad_input;
mod benchmark;
pub(super) mod boots;
pub(super) mod browser;
mod case;
mod clients;
mod conversation;
pub(super) mod differential;
mod flush;
mod grammar;
mod helpers;
mod http;
pub(super) mod libraries;
mod lifecycle;
mod load;
mod nomem;
mod packets;
mod query;
mod redis_cli;
mod scatter;
mod settings;
pub(super) mod subject;
mod tool;
mod uses;
mod window;
mod words;

use std::time::Instant;

use super::bed::TestBed;
use super::tally::Tally;
use crate::load_network::LoadNetRequest;
use crate::load_network::{self, GuestLink};
use crate::network::NetRequest;
use crate::process;
use crate::provision::{self, Removals};

use crate::test::programs::Programs;
use case::{Drive, TcpCase, crowd, guest, guest_by_user, guest_on, guest_with, tool};
use subject::{Setup, Subject};
use tool::Tool;

/// The name of the case that covers most of the service.
const CONVERSATION: &str = "the README's conversation";

const CASES: &[TcpCase] = &[
    guest("redis-cli gets a PONG", redis_cli::ping),
    guest("redis-cli and query print alike", redis_cli::agree),
    guest_with("query with a password, RESP3 and lines", redis_cli::PASSWORD_LINE, query::run),
    guest("redis-cli on a terminal", redis_cli::terminal),
    guest_by_user("redis-cli over many keys", "", redis_cli::keys),
    guest("redis-cli with further options", redis_cli::options),
    guest_with("redis-cli with a password", redis_cli::PASSWORD_LINE, redis_cli::password),
    guest_with("every command by redis-cli", redis_cli::PASSWORD_LINE, redis_cli::commands),
    guest(CONVERSATION, conversation::run),
    guest("bad input has typed errors", bad_input::run),
    guest("scattered frames are used and freed", scatter::run),
    guest("freed regions are flushed while the image is idle", flush::at_rest),
    guest_with("the command line reaches the library", flush::EAGER, flush::eager),
    guest_with("a small window runs out of addresses", window::SMALL, window::run),
    guest_on(2, "long work is done by the AP", helpers::long_work),
    guest_on(2, "a loop that stands still is reported", helpers::watchdog),
    guest("the HTTP reports agree with the commands", http::read),
    guest("promtool takes the metrics", http::metrics),
    guest("ab reads the metrics beside idle connections", http::crowd),
    guest("memory can be exhausted repeatedly", nomem::run),
    guest("redis-benchmark with SOFT", benchmark::soft),
    guest("redis-benchmark without SOFT", benchmark::hard),
    guest("redis-benchmark without pipelining", benchmark::unpipelined),
    guest("redis-benchmark with its own tests", benchmark::stock),
    crowd("redis-benchmark with 200 clients", "", benchmark::many),
    guest_by_user("redis-benchmark with few clients", "", benchmark::few),
    guest("64 idle clients and an active one", clients::idle),
    guest("64 clients that end by RST", clients::reset),
    uses_of("the uses of QEMU's user network", NetRequest::User),
    uses_of("the uses of passt", NetRequest::Passt),
    crowd("the uses of a TAP device", uses::LINE, uses::run),
    crowd("packets of every size carry every byte", "", packets::run),
    crowd("a damaged packet delays no client", "", abuse::damaged),
    crowd("abuse costs its own connections only", abuse::CLIENTS, abuse::run),
    tool("a load whose every byte is checked", load::verified),
    tool("stop ends a detached guest", lifecycle::stop),
    tool("stop and kill -9 end a passt that spins", lifecycle::spinning_passt),
    tool("SHUTDOWN ends the guest and run with success", lifecycle::shutdown),
    tool("every setting at its least values", settings::run),
    tool("a name runs once", lifecycle::claimed),
    tool("Ctrl-C ends the guest", lifecycle::interrupt),
    tool("kill -9 of the tool ends the guest", lifecycle::kill_running),
    tool("kill -9 during the boot ends the guest", lifecycle::kill_booting),
    tool("a taken port is named", lifecycle::taken_port),
];

const fn uses_of(name: &'static str, network: NetRequest) -> TcpCase {
    let setup = Setup { line: uses::LINE, network, ..Setup::PLAIN };
    TcpCase { name, drive: Drive::Guest(setup, uses::run) }
}

/// Runs the cases whose names contain `filter`.
pub(super) fn run(bed: &TestBed<'_>, filter: &str) -> anyhow::Result<Tally> {
    if ["redis-cli", "passt"].iter().any(|name| process::find(name).is_none()) {
        // If the packages cannot be installed, the cases that need them are skipped.
        if let Err(error) =
            provision::install(&["redis-tools", "passt"], "clients of the tests", Removals::Named)
        {
            process::announce("", &format!("{error:#}"));
        }
    }
    for (program, package, why) in [
        ("promtool", "prometheus", "its linter reads the metrics"),
        ("ab", "apache2-utils", "it asks for reports"),
    ] {
        // If the package cannot be installed, the cases that need it are skipped.
        if process::find(program).is_none()
            && let Err(error) = provision::install(&[package], why, Removals::Named)
        {
            process::announce("", &format!("{error:#}"));
        }
    }
    run_cases(bed, |case| case.name.contains(filter))
}

/// Runs the case of the README's conversation, if its name contains `filter`.
pub(super) fn converse(bed: &TestBed<'_>, filter: &str) -> anyhow::Result<Tally> {
    run_cases(bed, |case| case.name == CONVERSATION && case.name.contains(filter))
}

/// Runs the cases that boot a guest with one CPU again, on guests with two CPUs.
pub(super) fn run_on_two(bed: &TestBed<'_>, filter: &str) -> anyhow::Result<Tally> {
    let bed = TestBed { cpus: 2, ..*bed };
    let has_one = |case: &TcpCase| matches!(case.drive, Drive::Guest(setup, _) if setup.cpus == 1);
    run_cases(&bed, |case| has_one(case) && case.name.contains(filter))
}

/// Runs the cases for which `is_chosen` returns `true`.
fn run_cases(bed: &TestBed<'_>, is_chosen: impl Fn(&TcpCase) -> bool) -> anyhow::Result<Tally> {
    let programs = Programs::prepare(bed)?;
    let mut tally = Tally::default();
    for case in CASES.iter().filter(|case| is_chosen(case)) {
        let start = Instant::now();
        let outcome = run_case(&programs, case);
        let word = if outcome.is_ok() { "ok" } else { "not ok" };
        process::announce(word, &format!("{} ({:.1} s)", case.name, start.elapsed().as_secs_f64()));
        tally.record(case.name, outcome);
    }
    Ok(tally)
}

/// Runs a longer load in which every byte is checked.
pub(super) fn load(bed: &TestBed<'_>) -> anyhow::Result<()> {
    load::verified_for(&Tool::new(bed.workspace, bed.runtime), load::LONGER)
}

fn run_case(programs: &Programs<'_>, case: &TcpCase) -> anyhow::Result<()> {
    match case.drive {
        Drive::Tool(run) => run(&Tool::new(programs.workspace, programs.runtime)),
        Drive::Crowd(line, run) => apart(|link| {
            let mut subject = Subject::boot_on(link, programs, line)?;
            let outcome = run(&subject);
            subject.judge(outcome)
        }),
        Drive::Guest(setup, run) => {
            let mut subject = Subject::boot(programs, setup)?;
            let outcome = run(&subject);
            subject.judge(outcome)
        }
    }
}

/// Runs a test on a thread that leaves the host's network if that is possible. All other threads stay in the
/// host's network.
fn apart(run: impl FnOnce(GuestLink) -> anyhow::Result<()> + Send) -> anyhow::Result<()> {
    let thread = || {
        let network = load_network::choose(LoadNetRequest::Auto)?.network;
        network.set_up()?;
        run(network.links()[0])
    };
    std::thread::scope(|scope| scope.spawn(thread).join())
        .unwrap_or_else(|_| Err(anyhow::anyhow!("the test panicked")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for (index, case) in CASES.iter().enumerate() {
            assert!(CASES[..index].iter().all(|other| other.name != case.name), "{}", case.name);
        }
    }
}

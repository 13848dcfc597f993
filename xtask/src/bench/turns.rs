//! `cargo xtask bench turns`: measures how long other clients are delayed while one client uses 1 GiB.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::image::{self, Setting};
use crate::accel::Accel;
use crate::cli::BenchTurnsOptions;
use crate::load_average;
use crate::process;
use crate::qemu::Memory;
use crate::resp::{Client, Reply};
use crate::runtime::Runtime;
use crate::workspace::Workspace;

/// The loop of the client that uses 1 GiB: memory is allocated, zeroed, read, checked and freed.
const CHURN: [&[&str]; 4] = [
    &["VMALLOC", "1G", "NAME", "big"],
    &["VREAD", "@big", "1073741823", "1"],
    &["VCHECK"],
    &["VFREE", "@big"],
];

/// The numbers and durations of turns of the image's server loop.
#[derive(Clone, Copy, Debug, Default)]
struct TurnCounts {
    all: u64,
    long: u64,
}

/// Runs `cargo xtask bench turns`.
pub(super) fn turns(
    workspace: &Workspace,
    options: &BenchTurnsOptions,
) -> anyhow::Result<ExitCode> {
    let (runtime, memory) = (Runtime::Bare, Memory::of_mebibytes(2048));
    let setting = Setting { runtime, memory, cpus: options.smp, accel: Accel::Tcg, append: "" };
    let (guest, _) = image::boot(workspace, image::plan(workspace, &setting)?)?;
    let address = guest.plan().host;
    let mut client = Client::connect(address)?;
    // In the first round the host must provide the memory, so it is not measured.
    churn_once(&mut client)?;
    let before = read(&mut client)?;
    process::announce("Measure", &format!("{} s, load {}", options.seconds, load_average::read()));
    let is_over = AtomicBool::new(false);
    let (pings, rounds) = std::thread::scope(|scope| {
        let churn = scope.spawn(|| churn(address, &is_over));
        let pings = ping(address, Duration::from_secs(options.seconds));
        is_over.store(true, Ordering::Relaxed);
        let rounds = churn.join().map_err(|_| anyhow::anyhow!("the other client panicked"))?;
        anyhow::Ok((pings?, rounds?))
    })?;
    let after = read(&mut client)?;
    let (all, long) = (after.all - before.all, after.long - before.long);
    ensure!(all > 0 && !pings.is_empty(), "no request was measured");
    let at = |part: usize| pings[(pings.len() - 1) * part / 1000].as_micros();
    println!(
        "{} CPUs, load {} at the end, {rounds} rounds of 1 GiB",
        options.smp,
        load_average::read()
    );
    println!("turns {all}, over 2 ms {long}: in a thousand {}", per_thousand(long, all));
    println!(
        "PING {}: p50 {} us, p99 {} us, p99.9 {} us, max {} us",
        pings.len(),
        at(500),
        at(990),
        at(999),
        at(1000)
    );
    Ok(ExitCode::SUCCESS)
}

fn per_thousand(part: u64, all: u64) -> String {
    let hundredths = part * 100_000 / all;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn churn(address: SocketAddr, is_over: &AtomicBool) -> anyhow::Result<u32> {
    let mut client = Client::connect(address)?;
    let mut rounds = 0;
    while !is_over.load(Ordering::Relaxed) {
        churn_once(&mut client)?;
        rounds += 1;
    }
    Ok(rounds)
}

fn churn_once(client: &mut Client) -> anyhow::Result<()> {
    for words in CHURN {
        if let Reply::Error(text) = client.call(words)? {
            bail!("{} answers {text}", words.join(" "));
        }
    }
    Ok(())
}

/// Sends one `PING` after the other for `time`. Returns the duration of each reply, in ascending order.
fn ping(address: SocketAddr, time: Duration) -> anyhow::Result<Vec<Duration>> {
    let mut client = Client::connect(address)?;
    let (start, mut all) = (Instant::now(), Vec::new());
    while start.elapsed() < time {
        let sent = Instant::now();
        client.call(&["PING"])?;
        all.push(sent.elapsed());
    }
    all.sort_unstable();
    Ok(all)
}

fn read(client: &mut Client) -> anyhow::Result<TurnCounts> {
    let reply = client.call(&["VSTATS", "service"])?;
    let number = |name| reply.entry(name).with_context(|| format!("VSTATS has no {name}"));
    Ok(TurnCounts { all: number("turns")?, long: number("turns_long")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_shown_in_thousandths() {
        assert_eq!(per_thousand(1, 1000), "1.00");
        assert_eq!(per_thousand(3, 40_000), "0.07");
    }
}

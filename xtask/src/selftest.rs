//! `cargo xtask selftest`: runs the image's own tests on this machine, and prints one report to paste into a
//! message.

pub(crate) mod machine;

use std::fmt::Write;
use std::process::ExitCode;

use runtime_config::console::{self, LogLevel};
use runtime_config::verdict::{self, Verdict};

use crate::accel;
use crate::build::{self, Image};
use crate::cli::SelftestOptions;
use crate::qemu::firmware::FirmwareRequest;
use crate::runtime::Runtime;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;
use crate::{process, qemu};

use machine::{Machine, Run};

/// The test with a configurable duration.
const STALE: &str = "coherence::stale_tlb";

/// Runs `cargo xtask selftest`. The exit code is 1 if a test failed.
pub(crate) fn selftest(
    workspace: &Workspace,
    options: &SelftestOptions,
) -> anyhow::Result<ExitCode> {
    let toolchain = Toolchain::ensure(workspace)?;
    let image = build::compile(workspace, &toolchain, options.runtime, Image::SelfTest)?;
    let choice = accel::choose(options.accel);
    let mut report = head(options.runtime, &choice)?;
    let mut is_good = true;
    let stale = format!("selftest={STALE} selftest.seconds={}", options.seconds);
    let runs = [(1, ""), (2, ""), (options.smp, stale.as_str())];
    for (cpus, append) in runs {
        let machine = Machine {
            runtime: options.runtime,
            cpus,
            nodes: 1,
            memory: Machine::MEMORY,
            accel: choice.accel,
            firmware: FirmwareRequest::Auto,
            append,
        };
        let what = if append.is_empty() { "all tests" } else { STALE };
        process::announce("Test", &format!("{what} on {cpus} CPUs under {}", choice.accel));
        let run = machine.run(workspace, &image, "selftest")?;
        let (line, passed) = judge(&run, machine.is_in(&run));
        is_good &= passed;
        let _ = writeln!(report, "{cpus} CPUs, {what}: {line}");
        for line in run.serial.lines().filter(|line| is_telling(line)) {
            let _ = writeln!(report, "    {line}");
        }
    }
    let _ = writeln!(report, "{}", if is_good { "PASSED" } else { "FAILED" });
    print!("{report}");
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Describes the machine of the runs.
fn head(runtime: Runtime, choice: &accel::AccelChoice) -> anyhow::Result<String> {
    let qemu = process::ask(qemu::ensure(None)?, &["--version"]).unwrap_or_default();
    let kernel = process::ask("uname", &["-sr"]).unwrap_or_default();
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(format!(
        "vmalloc {} selftest, runtime {runtime}\nhost: {}, {threads} threads, {}\n{}\naccel: {}, {}\n",
        env!("CARGO_PKG_VERSION"),
        model(&cpuinfo),
        kernel.trim(),
        qemu.lines().next().unwrap_or("QEMU of unknown version"),
        choice.accel,
        choice.why
    ))
}

fn model(cpuinfo: &str) -> &str {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split_once(':')).map_or("unknown processor", |(_, name)| name.trim())
}

/// Summarizes a run in a line, and returns whether it is good.
fn judge(run: &Run, has_all_cpus: bool) -> (String, bool) {
    let (line, passed) = match Verdict::judge(run.exit_code, &run.serial) {
        Verdict::Passed { tests } => (format!("{tests} passed"), true),
        Verdict::Failed { passed, failed } => {
            (format!("{passed} passed, {failed} failed (see {})", run.log), false)
        }
        Verdict::Broken(broken) => (format!("{broken} (see {})", run.log), false),
    };
    let seconds = run.time.as_secs_f64();
    if has_all_cpus {
        (format!("{line} in {seconds:.1} s"), passed)
    } else {
        (format!("{line} in {seconds:.1} s, but not with all CPUs"), false)
    }
}

/// Returns whether a line of the console is more than the line of a passed test.
fn is_telling(line: &str) -> bool {
    let words = [verdict::FAULT_PREFIX, verdict::PANIC_PREFIX, verdict::REFUSAL_PREFIX];
    // A self-test image has no network, so its few INFO records are those of the boot and of the long test.
    console::level_of(line).is_some_and(|level| level <= LogLevel::Info)
        || words.iter().any(|word| line.starts_with(word))
        || verdict::kernel_stop(line).is_some()
        || verdict::test_lines(line).any(|line| !line.passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_judged_by_code_and_console() {
        let serial = "selftest: 1 tests\ntest a ... ok\nselftest: 1 passed, 0 failed\n";
        assert_eq!(
            judge(&Run::that_left(33, serial), true),
            ("1 passed in 1.5 s".to_owned(), true)
        );
        assert!(!judge(&Run::that_left(33, serial), false).1);
        assert!(!judge(&Run::that_left(0, serial), true).1);
        let failed = "selftest: 1 tests\ntest a ... FAILED\nselftest: 0 passed, 1 failed\n";
        assert!(
            judge(&Run::that_left(35, failed), true)
                .0
                .starts_with("0 passed, 1 failed (see serial.log)")
        );
    }

    #[test]
    fn the_processor_is_named() {
        assert_eq!(model("x: 1\nmodel name\t: Some CPU @ 2 GHz\n"), "Some CPU @ 2 GHz");
        assert_eq!(model(""), "unknown processor");
    }

    #[test]
    fn lines_of_both_runtimes_are_distinguished() {
        for line in [
            "test a ... FAILED",
            "PANIC src/x.rs:1: no",
            "INFO boot: 2 CPUs, 1 nodes",
            "[0][INFO] 2 CPUs, 1 nodes",
            "WARN boot: unknown option",
            "[1][WARN] unknown option",
            "[1][ERROR] General Protection (#GP) Exception: frame",
            "[0][PANIC] panicked at src/x.rs:1:1:",
        ] {
            assert!(is_telling(line), "{line}");
        }
        for line in ["test a ... ok", "selftest: 1 tests", "DEBUG boot: x", "[0][DEBUG] x", "),"] {
            assert!(!is_telling(line), "{line}");
        }
    }
}

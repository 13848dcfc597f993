//! Ends that nobody recovers from: each leaves one line that says whose fault it was, a backtrace, and
//! its exit code.

use std::path::Path;

use anyhow::{Context, ensure};
use runtime_config::verdict::{BACKTRACE_PREFIX, Exit, FAULT_PREFIX, PANIC_PREFIX};

use crate::accel::Accel;
use crate::cli::FirmwareRequest;
use crate::selftest::machine::Machine;
use crate::symbols::Symbols;
use crate::test::tally::Tally;
use crate::workspace::Workspace;

/// One end.
struct Crash {
    /// Of the image's `crash` tests.
    name: &'static str,
    exit: Exit,
    /// What the line says besides.
    words: &'static str,
    /// A function that the backtrace must name.
    function: &'static str,
}

const fn fault(name: &'static str, words: &'static str, function: &'static str) -> Crash {
    Crash { name, exit: Exit::Fault, words, function }
}

const CRASHES: [Crash; 11] = [
    fault("guard", "#PF cpu=0 guard of region distance=16", "guard"),
    fault("freed", "#PF cpu=0 freed region distance=24", "write"),
    fault("purged", "#PF cpu=0 free part of the window", "write"),
    fault("read_only", "#PF cpu=0 region distance=32", "write"),
    fault("not_canonical", "#GP cpu=0 not canonical", "write"),
    fault("null", "#PF cpu=0 null page", "write"),
    fault("stack", "#DF cpu=0 stack overflow of cpu0", "overflow"),
    Crash { name: "panic", exit: Exit::Panic, words: "asked to", function: "run_named" },
    fault("other::guard", "#PF cpu=1 guard of region distance=16", "guard"),
    fault("other::stack", "#DF cpu=1 stack overflow of cpu1", "overflow"),
    fault("other::not_canonical", "#GP cpu=1 not canonical", "main"),
];

/// Boots the image for each end.
pub(super) fn run(workspace: &Workspace, image: &Path) -> Tally {
    let mut tally = Tally::default();
    for crash in &CRASHES {
        tally.record(&format!("crash::{}", crash.name), crash.run(workspace, image));
    }
    tally
}

impl Crash {
    fn run(&self, workspace: &Workspace, image: &Path) -> anyhow::Result<()> {
        let append = format!("selftest=crash::{}", self.name);
        let machine = Machine {
            cpus: 2,
            nodes: 1,
            memory: Machine::MEMORY,
            accel: Accel::Tcg,
            firmware: FirmwareRequest::Auto,
            append: &append,
        };
        let run = machine.run(workspace, image, "test-crash")?;
        ensure!(
            run.exit_code == Some(self.exit.qemu_code()),
            "exit code {:?} (see {})",
            run.exit_code,
            run.log
        );
        let prefix = if self.exit == Exit::Panic { PANIC_PREFIX } else { FAULT_PREFIX };
        let mut lines = run.serial.lines().skip_while(|line| !line.starts_with(prefix));
        let line = lines.next().with_context(|| format!("no {prefix} line (see {})", run.log))?;
        ensure!(has_words(line, self.words), "not {:?} in {line}", self.words);
        let trace =
            lines.find(|line| line.starts_with(BACKTRACE_PREFIX)).context("no backtrace")?;
        let names = Symbols::of(image).expand(trace);
        let is_it = |name: &String| name.split_whitespace().nth(1) == Some(self.function);
        let is_named = names.iter().any(is_it);
        ensure!(is_named, "no {} in {}", self.function, names.join(";"));
        Ok(())
    }
}

/// Whether all words stand in a line, in this order.
fn has_words(line: &str, words: &str) -> bool {
    let mut found = line.split_whitespace();
    words
        .split(' ')
        .all(|word| found.any(|here| here == word || here.trim_end_matches(',') == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_in_order() {
        let line = "FAULT #PF address=0x1 cpu=0 guard of region 7 distance=16";
        assert!(has_words(line, "#PF cpu=0 guard of region distance=16"));
        assert!(!has_words(line, "cpu=0 #PF"));
        assert!(!has_words(line, "distance=1"));
    }
}

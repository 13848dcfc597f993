//! Explains why a guest ended.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use runtime_config::verdict::{self, Exit, GuestEnd};

use crate::instance::Instance;

/// Number of lines of a log that are shown.
const LINES_SHOWN: usize = 20;

/// Returns whether the guest has powered the machine off successfully.
pub(crate) fn is_success(status: ExitStatus) -> bool {
    status.code().and_then(Exit::from_qemu_code) == Some(Exit::Success)
}

/// Explains an exit status of QEMU. Includes the line in which a kernel below the image reports its reason.
pub(super) fn meaning(status: ExitStatus, serial: &str) -> String {
    let Some(code) = status.code() else {
        return format!("signal {} ended QEMU", status.signal().unwrap_or_default());
    };
    let end = GuestEnd::judge(code, serial);
    match (end, verdict::kernel_stop(serial)) {
        (GuestEnd::Kernel(_), Some(line)) => {
            format!("exit code {code}: the kernel below the image stopped it: {line}")
        }
        _ => end.to_string(),
    }
}

/// Returns the last lines of the logs, each log under its path and after a line end.
pub(super) fn last_words(instance: &Instance) -> String {
    ["qemu.log", "passt.log", "serial.log"]
        .iter()
        .map(|file| instance.path(file))
        .filter_map(|path| {
            let bytes = std::fs::read(&path).ok()?;
            let text = String::from_utf8_lossy(&bytes);
            let text = text.lines().filter(|line| !is_noise(line)).collect::<Vec<_>>().join("\n");
            (!text.trim().is_empty())
                .then(|| format!("\n--- {}\n{}", path.display(), tail(text.trim_end())))
        })
        .collect()
}

/// Returns whether passt prints this line in every run as root without a system log, so that it explains no
/// failure.
fn is_noise(line: &str) -> bool {
    line.is_empty()
        || line.starts_with("Failed to send ") && line.ends_with(" bytes to syslog")
        || line.starts_with("Don't run as root.")
}

fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_meanings() {
        let with = |code: i32, serial| meaning(ExitStatus::from_raw(code << 8), serial);
        let text = |code| with(code, "INFO boot: up\n");
        assert_eq!(text(37), "exit code 37: the guest panicked");
        assert!(text(0).contains("triple fault"));
        assert!(with(1, "").contains("QEMU refused"));
        assert_eq!(text(1), "exit code 1: QEMU failed, or a kernel below the image stopped it");
        assert_eq!(text(3), "exit code 3: QEMU failed, or a kernel below the image ended it");
        let line = "[0][ERROR] Page fault (#PF)!";
        let fault = with(1, &format!("[0][INFO] up\n{line}\n"));
        assert_eq!(fault, format!("exit code 1: the kernel below the image stopped it: {line}"));
        assert!(is_success(ExitStatus::from_raw(33 << 8)));
        assert!(!is_success(ExitStatus::from_raw(0)), "a triple fault");
        assert_eq!(meaning(ExitStatus::from_raw(9), ""), "signal 9 ended QEMU");
    }

    #[test]
    fn tails_are_short() {
        let text = (0..100).map(|n| n.to_string()).collect::<Vec<_>>().join("\n");
        assert_eq!(tail(&text).lines().count(), LINES_SHOWN);
        assert!(tail(&text).ends_with("99"));
        assert_eq!(tail("one"), "one");
    }
}

//! Runs that look like a pass but are not.

use super::lines::{parse_announcement, parse_footer};
use super::*;

const TWO_OK: &str = "INFO boot: up\r\nselftest: 2 tests\r\ntest a ... ok\r\ntest b ... ok\r\n\
                      selftest: 2 passed, 0 failed\r\n";

fn broken(exit_code: Option<i32>, serial: &str) -> Break {
    match Verdict::judge(exit_code, serial) {
        Verdict::Broken(broken) => broken,
        verdict => panic!("{verdict:?} from {serial:?}"),
    }
}

#[test]
fn success_is_33() {
    assert_eq!(Exit::Success.port_value(), 16);
    assert_eq!(Exit::ALL.map(Exit::qemu_code), [33, 35, 37, 39, 41]);
    assert_eq!(Exit::from_qemu_code(37), Some(Exit::Panic));
    assert_eq!(Exit::from_qemu_code(0), None);
}

#[test]
fn lines_round_trip() {
    let line = TestLine { name: "paging::guard", passed: false };
    assert_eq!(TestLine::parse(&line.to_string()), Some(line));
    assert_eq!(parse_announcement(&Announcement { tests: 7 }.to_string()), Some(7));
    let footer = Footer { passed: 5, failed: 2 };
    assert_eq!(parse_footer(&footer.to_string()), Some(footer));
    assert_eq!(TestLine::parse("test a ... maybe"), None);
}

#[test]
fn agreement_passes() {
    assert_eq!(Verdict::judge(Some(33), TWO_OK), Verdict::Passed { tests: 2 });
}

#[test]
fn agreement_on_a_failure_fails() {
    let serial =
        "selftest: 2 tests\ntest a ... ok\ntest b ... FAILED\nselftest: 1 passed, 1 failed";
    assert_eq!(Verdict::judge(Some(35), serial), Verdict::Failed { passed: 1, failed: 1 });
    assert!(matches!(broken(Some(33), serial), Break::Mismatch { exit_code: 33, .. }));
}

#[test]
fn a_triple_fault_is_no_pass() {
    assert_eq!(broken(Some(0), TWO_OK), Break::End(GuestEnd::Reset));
    assert_eq!(broken(Some(37), TWO_OK), Break::End(GuestEnd::Image(Exit::Panic)));
    let stopped = GuestEnd::Kernel(KernelExit::Failure);
    assert_eq!(broken(Some(1), TWO_OK), Break::End(stopped));
    assert_eq!(broken(None, TWO_OK), Break::NoExitCode);
}

#[test]
fn missing_lines_are_no_pass() {
    assert_eq!(broken(Some(33), ""), Break::NoAnnouncement);
    assert_eq!(broken(Some(33), "selftest: 0 tests\nselftest: 0 passed, 0 failed"), Break::NoTests);
    assert_eq!(
        broken(Some(33), "selftest: 2 tests\ntest a ... ok"),
        Break::NoFooter { announced: 2, results: 1 }
    );
    let short = TWO_OK.replace("test b ... ok\r\n", "");
    assert!(matches!(broken(Some(33), &short), Break::Mismatch { passed: 1, .. }));
    let wrong = TWO_OK.replace("2 tests", "3 tests");
    assert!(matches!(broken(Some(33), &wrong), Break::Mismatch { announced: 3, .. }));
}

#[test]
fn a_failure_code_without_a_failed_test_is_no_verdict() {
    assert!(matches!(broken(Some(35), TWO_OK), Break::Mismatch { exit_code: 35, .. }));
}

#[test]
fn breaks_read_as_clauses() {
    let text = |code| Break::End(GuestEnd::judge(code, "INFO boot: up")).to_string();
    assert_eq!(text(0), "exit code 0: a triple fault or a reset");
    assert_eq!(text(39), "exit code 39: a CPU exception stopped the guest");
    assert_eq!(
        Break::NoFooter { announced: 9, results: 4 }.to_string(),
        "no footer: 4 results of 9 tests"
    );
}

//! Tests of the limits: at most two messages per second, and one log line for each kind of problem.

use core::cell::RefCell;

use proptest::prelude::*;

use super::answer::{self, Answer, DISCOVER};
use super::{link, renewed};

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct Capture;

impl log::Log for Capture {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        LINES.with_borrow_mut(|lines| lines.push(record.args().to_string()));
    }

    fn flush(&self) {}
}

/// Runs a function and returns the log lines that this thread has written during the call.
pub(in crate::net) fn logged(run: impl FnOnce()) -> Vec<String> {
    // The call fails if another test has already set the logger, which is the same.
    let _ = log::set_logger(&Capture);
    log::set_max_level(log::LevelFilter::Info);
    LINES.take();
    run();
    LINES.take()
}

#[test]
fn the_first_messages_are_quick_and_the_later_ones_slow() {
    let mut link = link(|_, _| None);
    link.run(300);
    let at = link.secs_of(DISCOVER);
    for (at, expected) in at.iter().zip([0.0, 1.0, 2.0, 3.0]) {
        assert!((expected..expected + 0.8).contains(at), "{at} is not about {expected}");
    }
    for (two, expected) in at[3..].windows(2).zip([4.0, 8.0, 16.0, 32.0, 64.0, 64.0]) {
        assert!((two[1] - two[0] - expected).abs() <= 1.0, "{at:?}");
    }
    assert!(at.len() >= 9);
}

/// Runs the client for 60 s with a server that answers each message as `answer` says. Checks that the client sends at
/// most two messages per second and 30 in total, and writes at most `lines_max` log lines.
fn storm(title: &str, answer: impl Fn(u8, usize) -> Answer, lines_max: usize) {
    let mut sent = 0;
    let lines = logged(|| {
        let mut link = link(|kind, count| Some(answer(kind, count)));
        link.run(60);
        link.check_rate();
        sent = link.sent.len();
    });
    assert!(sent <= 30, "{title}: {sent} messages in 60 s");
    assert!(lines.len() <= lines_max, "{title}: {lines:?}");
}

#[test]
fn invalid_answers_cause_no_storm() {
    let ok = || answer::plain().mask("255.255.255.0").router("10.0.2.3");
    let nak = |kind, _| if kind == DISCOVER { answer::lease() } else { answer::nak() };
    storm("NAK to every request", nak, 1);
    let nak_later = |kind, count| match (kind, count) {
        (DISCOVER, _) | (_, 1) => answer::lease(),
        _ => answer::nak(),
    };
    storm("NAK after the first lease", nak_later, 1);
    storm("lease of 0 s", |_, _| ok().secs(0, 0, 0), 1);
    storm("lease of 0 s, times left out", |_, _| ok().number(51, 0), 1);
    storm("lease of 1 s", |_, _| ok().number(51, 1), 1);
    storm("lease without a mask", |_, _| answer::plain().secs(20, 5, 15), 0);
    storm("address of no machine", |_, _| answer::lease().at("127.0.0.1"), 1);
    storm("mask that is none", |_, _| answer::lease().mask("255.0.255.0"), 1);
    storm("router that is none", |_, _| answer::lease().router("0.0.0.0"), 1);
    let changing = |_, count: usize| answer::lease().at(["0.0.0.0", "127.0.0.1"][count % 2]);
    storm("changing nonsense", changing, 1);
}

#[test]
fn problems_are_logged_again_after_a_valid_lease() {
    let router = |count| if count % 4 < 2 { "0.0.0.0" } else { "10.0.2.3" };
    let lines = logged(|| {
        let mut link = link(|_, count| Some(answer::lease().router(router(count))));
        link.run(39);
    });
    let expected = "DHCP server 10.0.2.2 gives a router that cannot be one, ignored";
    assert_eq!(lines, [expected; 3]);
}

#[test]
fn alternating_problems_are_logged_once() {
    let lines = logged(|| {
        let mut link = link(|_, count| {
            let lease = answer::lease();
            Some(if count % 2 == 0 { lease.router("0.0.0.0") } else { lease.number(51, 0) })
        });
        link.run(100);
        assert!(link.sent.len() > 10);
    });
    assert_eq!(lines.len(), 2, "{lines:?}");
}

#[test]
fn lines_name_the_server_and_the_value() {
    let of = |answer: Answer| logged(|| link(|_, _| Some(answer.clone())).run(1));
    let server = "DHCP server 10.0.2.2";
    assert_eq!(
        of(answer::lease().at("10.0.2.255")),
        [format!("{server} offers 10.0.2.255/24, an address that no machine can have")]
    );
    assert_eq!(
        of(answer::lease().mask("255.0.255.0")),
        [format!("{server} offers 255.0.255.0, which is not a mask")]
    );
    assert_eq!(
        of(answer::lease().number(51, 1)),
        [format!("{server} gives a lease of 1 s, treated as 10 s")]
    );
    let masks = logged(|| {
        renewed::renewed(&answer::lease(), &answer::lease().mask("0.0.0.0"));
    });
    assert_eq!(masks, [format!("{server} gives a mask that is none, the old one stays")]);
}

fn any_answer() -> impl Strategy<Value = Option<Answer>> {
    let addresses = ["10.0.2.15", "10.0.2.16", "10.9.9.9", "127.0.0.1", "0.0.0.0", "10.0.2.255"];
    let masks = ["255.255.255.0", "255.255.0.0", "255.0.255.0", "0.0.0.0", "255.255.255.255"];
    let routers = ["10.0.2.3", "10.0.2.4", "0.0.0.0", "224.0.0.1", "172.16.0.1"];
    let secs = || prop::sample::select(vec![0, 1, 5, 9, 10, 20, 60, 3600, u32::MAX - 1, u32::MAX]);
    (
        prop::sample::select(vec![None, None, None, Some(2), Some(5), Some(6), Some(6)]),
        prop::sample::select(addresses.to_vec()),
        prop::option::of(prop::sample::select(masks.to_vec())),
        prop::option::of(prop::sample::select(routers.to_vec())),
        [prop::option::of(secs()), prop::option::of(secs()), prop::option::of(secs())],
        prop::sample::select(vec![0, 0, 0, 10, 900, 1000, 5000]),
        0..8_u8,
    )
        .prop_map(|(kind, at, mask, router, secs, delay_ms, silent)| {
            let mut answer = Answer { kind, delay_ms, ..answer::plain().at(at) };
            answer = mask.into_iter().fold(answer, Answer::mask);
            answer = router.into_iter().fold(answer, Answer::router);
            for (code, secs) in [51, 58, 59].into_iter().zip(secs) {
                answer = secs.into_iter().fold(answer, |answer, secs| answer.number(code, secs));
            }
            (silent > 0).then_some(answer)
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_server_causes_a_storm(answers in prop::collection::vec(any_answer(), 1..12)) {
        let mut next = answers.iter().cycle();
        let mut sent = 0;
        let lines = logged(|| {
            let mut link = link(|_, _| next.next().unwrap().clone());
            link.run(600);
            link.check_rate();
            sent = link.sent.len();
        });
        prop_assert!(sent < 600, "{sent} messages in 600 s");
        // The worst case is an acknowledgement without problems, followed by one with all problems: three lines for two
        // messages.
        prop_assert!(lines.len() <= sent * 3 / 2 + 5, "{lines:?}");
    }
}

use core::net::Ipv4Addr;

use super::*;
use crate::net::route::Key;
use crate::net::tcp::segment::ACK;

struct Line {
    track: Track,
    recovery: Recovery,
    now: Instant,
}

fn segment(sequence: u32, acknowledged: u32, payload_bytes: u32) -> Segment {
    let key = Key { address: Ipv4Addr::LOCALHOST, port: 1, local: 2 };
    let (window, header_bytes, flags) = (30_000, 20, ACK);
    Segment { key, sequence, acknowledged, flags, window, header_bytes, payload_bytes }
}

impl Line {
    fn new() -> Self {
        let now = Instant::from_secs(100);
        Self { track: Track::default(), recovery: Recovery::new(), now }
    }

    fn wait(&mut self, millis: u64) -> &mut Self {
        self.now += Duration::from_millis(millis);
        self
    }

    fn send(&mut self, sequence: u32, bytes: u32) {
        let (next, segment) = (self.track.next, segment(sequence, 0, bytes));
        self.track.send(&segment, &[]);
        self.recovery.sent(next, &self.track, &segment, self.now);
    }

    fn hear(&mut self, acknowledged: u32) -> bool {
        let (before, segment) = (self.track.unacknowledged, segment(0, acknowledged, 0));
        self.track.hear(&segment);
        self.recovery.heard(before, &self.track, &segment, true, self.now)
    }

    fn due_in(&self) -> u64 {
        (self.recovery.due() - self.now).total_millis()
    }
}

#[test]
fn the_timeout_follows_the_round_trip() {
    let mut line = Line::new();
    line.send(0, 100);
    assert_eq!(line.due_in(), 1000, "no time was measured yet");
    line.wait(20).hear(100);
    assert_eq!(line.recovery.due(), NEVER, "no data is in flight");
    line.send(100, 100);
    assert_eq!(line.due_in(), 200);
    line.wait(300).hear(200);
    line.send(200, 100);
    assert_eq!(line.due_in(), 55 + 4 * 77 + 2, "(7 * 20 + 300) / 8, and the variation");
}

#[test]
fn the_handshake_is_measured_with_any_number() {
    for first in [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] {
        let mut line = Line::new();
        let syn = Segment { flags: SYN | ACK, ..segment(first, 0, 0) };
        line.track.send(&syn, &[0; 20]);
        line.recovery.sent(0, &line.track, &syn, line.now);
        line.wait(20).hear(first.wrapping_add(1));
        line.send(first.wrapping_add(1), 100);
        assert_eq!(line.due_in(), 200, "{first:#x}");
    }
}

#[test]
fn the_timeout_doubles_until_an_acknowledgement_comes() {
    let mut line = Line::new();
    line.send(0, 100);
    line.wait(20).hear(100);
    line.send(100, 100);
    for (times, millis) in [(1, 400), (2, 800), (3, 1600)] {
        line.now = line.recovery.due();
        assert_eq!(line.recovery.time_out(&line.track, line.now), times);
        line.send(100, 100);
        assert_eq!(line.due_in(), millis);
    }
    line.wait(5).hear(200);
    line.send(200, 100);
    assert_eq!(line.due_in(), 200, "data that was sent twice is not measured");
}

#[test]
fn retransmitted_segments_are_not_measured() {
    let mut line = Line::new();
    line.send(0, 100);
    line.wait(900).send(0, 100);
    line.wait(20).hear(100);
    line.send(100, 100);
    assert_eq!(line.due_in(), 1000, "still nothing was measured");
}

#[test]
fn the_third_duplicate_retransmits_the_first_segment() {
    let mut line = Line::new();
    for at in 0..8 {
        line.send(at * 100, 100);
    }
    assert!(!line.hear(100));
    assert_eq!([(); 5].map(|()| line.hear(100)), [false, false, true, false, false]);
    assert!(line.hear(300), "another one was lost");
    assert!(!line.hear(800), "all is mended");
}

#[test]
fn duplicates_after_a_timeout_are_ignored() {
    let mut line = Line::new();
    for at in 0..8 {
        line.send(at * 100, 100);
    }
    line.recovery.time_out(&line.track, line.now);
    assert_eq!([(); 4].map(|()| line.hear(0)), [false; 4]);
    assert!(!line.hear(300), "the data behind it was sent again too");
    assert!(!line.hear(800));
    line.send(800, 100);
    line.send(900, 100);
    assert_eq!([(); 3].map(|()| line.hear(800)), [false, false, true]);
}

#[test]
fn a_window_update_is_not_a_duplicate() {
    let mut line = Line::new();
    line.send(0, 100);
    let segment = segment(0, 0, 0);
    for _ in 0..5 {
        assert!(!line.recovery.heard(0, &line.track, &segment, false, line.now));
    }
}

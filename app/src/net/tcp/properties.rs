//! Property tests of [`TcpConnection`]: random segments from the peer and from attackers, mixed with transmissions and
//! timeouts.

use core::net::Ipv4Addr;

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any, prop_oneof, proptest};
use proptest::sample::select;
use smoltcp::socket::tcp::State;
use smoltcp::time::{Duration, Instant};

use super::connection::TcpConnection;
use super::guard::Verdict;
use super::recovery::{LONGEST, SHORTEST};
use super::segment::{ACK, FIN, HEADER_BYTES, RST, SYN, Segment, TcpOptions, ahead};
use crate::net::liveness::NEVER;
use crate::net::route::Key;

/// States in which both ends know both initial sequence numbers.
const SYNCHRONIZED: [State; 7] = [
    State::Established,
    State::CloseWait,
    State::FinWait1,
    State::FinWait2,
    State::Closing,
    State::LastAck,
    State::TimeWait,
];

/// An event of a test. Sequence numbers are relative to the expected ones, so that events near the window are frequent.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// This end sends a number of new bytes, with a window.
    Send(u32, u16),
    /// This end retransmits all unacknowledged bytes.
    Resend,
    /// A segment arrives. The fields are its flags, its sequence number relative to the expected one, its
    /// acknowledgement number relative to the first unacknowledged number, its bytes of data and its window.
    Hear(u8, u32, u32, u32, u16),
    /// This number of milliseconds passes.
    Wait(u32),
    /// Time passes until the retransmission timeout is due.
    TimeOut,
}

/// Generates a distance to the expected sequence number. Small distances, and those around 2^31 where comparisons wrap,
/// are frequent.
fn distance() -> impl Strategy<Value = u32> {
    prop_oneof![
        4 => 0..4_u32,
        2 => (1..4_u32).prop_map(u32::wrapping_neg),
        3 => 0..70_000_u32,
        2 => (0..70_000_u32).prop_map(u32::wrapping_neg),
        1 => select(vec![0x7fff_ffff, 0x8000_0000, 0x8000_0001]),
        1 => any::<u32>(),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let flags = prop_oneof![6 => select(vec![ACK, ACK | 8, FIN | ACK, RST, SYN]), 1 => any::<u8>()];
    let hear = (flags, distance(), distance(), 0..1500_u32, any::<u16>());
    prop_oneof![
        3 => (0..3000_u32, any::<u16>()).prop_map(|(bytes, window)| Event::Send(bytes, window)),
        1 => proptest::strategy::Just(Event::Resend),
        6 => hear.prop_map(|(flags, sequence, acknowledged, bytes, window)| {
            Event::Hear(flags, sequence, acknowledged, bytes, window)
        }),
        2 => (0..100_000_u32).prop_map(Event::Wait),
        1 => proptest::strategy::Just(Event::TimeOut),
    ]
}

/// A connection under test, with its initial sequence numbers.
struct Play {
    connection: TcpConnection,
    state: State,
    now: Instant,
    /// Initial sequence number of this end.
    own: u32,
    /// Initial sequence number of the peer.
    theirs: u32,
    /// The visible state of the connection after each event. Sequence numbers are relative to the initial ones, so that
    /// runs with other initial numbers can be compared.
    seen: Vec<(Option<Verdict>, bool, [u32; 3], Instant)>,
}

fn segment(flags: u8, sequence: u32, acknowledged: u32, payload_bytes: u32) -> Segment {
    let key = Key { address: Ipv4Addr::LOCALHOST, port: 1, local: 2 };
    let (window, header_bytes) = (30_000, HEADER_BYTES);
    Segment { key, sequence, acknowledged, flags, window, header_bytes, payload_bytes }
}

impl Play {
    /// Creates a connection in `state` with the initial numbers `own` and `theirs`. `shift` is the difference between
    /// the sequence numbers of the peer and of the socket; only connections that began with a cookie have a `shift`
    /// other than 0.
    fn new(state: State, own: u32, theirs: u32, shift: u32) -> Self {
        let options = TcpOptions { window_scale: Some(2), ..TcpOptions::default() };
        let connection = TcpConnection::begin(&segment(SYN, theirs, 0, 0), &options, 1460);
        let (now, seen) = (Instant::from_secs(1), Vec::new());
        let mut play = Self { connection, state, now, own, theirs, seen };
        let mut greeting = [0; HEADER_BYTES + 4];
        greeting[HEADER_BYTES..].copy_from_slice(&[3, 3, 1, 0]);
        let mut sent = segment(SYN | ACK, own, theirs.wrapping_add(1), 0);
        sent.header_bytes = greeting.len();
        play.connection.send(&sent, &mut greeting, play.now);
        play.connection.shift = shift;
        if state != State::SynReceived {
            let ack = segment(ACK, theirs.wrapping_add(1), own.wrapping_add(1), 0);
            play.hear(ack, State::SynReceived);
        }
        play
    }

    /// Passes a segment to the connection. Its acknowledgement number is given as the socket counts, and is translated
    /// to the number that the peer would send.
    fn hear(&mut self, mut segment: Segment, state: State) -> (Verdict, bool) {
        segment.acknowledged = segment.acknowledged.wrapping_add(self.connection.shift);
        let mut bytes = [0; HEADER_BYTES];
        bytes[8..12].copy_from_slice(&segment.acknowledged.to_be_bytes());
        self.connection.hear(state, &mut segment, &mut bytes, self.now)
    }

    fn send(&mut self, sequence: u32, bytes: u32, window: u16) {
        let mut sent = segment(ACK, sequence, self.connection.track.expected, bytes);
        sent.window = window;
        self.connection.send(&sent, &mut [0; HEADER_BYTES], self.now);
    }

    fn take(&mut self, event: Event) {
        let track = self.connection.track;
        let due = self.connection.recovery.due();
        let mut outcome = (None, false);
        match event {
            Event::Send(..) if self.state == State::SynReceived => {}
            Event::Send(bytes, window) => self.send(track.next, bytes, window),
            Event::Resend if track.is_in_flight() => {
                let bytes = track.next.wrapping_sub(track.unacknowledged);
                self.send(track.unacknowledged, bytes, track.told_window);
            }
            Event::Resend => {}
            Event::Hear(flags, sequence, acknowledged, bytes, window) => {
                let sequence = track.expected.wrapping_add(sequence);
                let acknowledged = track.unacknowledged.wrapping_add(acknowledged);
                let mut segment = segment(flags, sequence, acknowledged, bytes);
                segment.window = window;
                let (verdict, resends) = self.hear(segment, self.state);
                self.check_verdict(track, &segment, verdict);
                outcome = (Some(verdict), resends);
            }
            Event::Wait(millis) => self.now += Duration::from_millis(millis.into()),
            Event::TimeOut if due < NEVER => {
                self.now = self.now.max(due);
                self.connection.time_out(self.now);
            }
            Event::TimeOut => {}
        }
        self.check_due(due);
        self.check_track();
        let track = &self.connection.track;
        let numbers = [
            track.unacknowledged.wrapping_sub(self.own),
            track.next.wrapping_sub(self.own),
            track.expected.wrapping_sub(self.theirs),
        ];
        self.seen.push((outcome.0, outcome.1, numbers, self.connection.recovery.due()));
    }

    /// Checks that the verdict passes only segments with valid numbers to the socket (RFC 5961).
    fn check_verdict(&self, track: super::track::Track, segment: &Segment, verdict: Verdict) {
        let passes = matches!(verdict, Verdict::Pass | Verdict::PassAsLast);
        let is_next = segment.sequence == track.expected;
        if segment.flags & RST != 0 {
            assert_eq!(passes, is_next, "a RST: {verdict:?}");
        } else if segment.flags & SYN != 0 {
            assert!(!passes, "a SYN: {verdict:?}");
            let may_renew = self.state == State::TimeWait && segment.flags & ACK == 0;
            assert!(verdict != Verdict::Renew || may_renew, "{verdict:?}");
        } else if passes {
            assert!(segment.has(ACK), "{verdict:?}");
        }
        if verdict == Verdict::Pass && segment.flags & RST == 0 && self.state != State::SynReceived
        {
            let sent = track.next.wrapping_sub(track.unacknowledged);
            let acknowledged = segment.acknowledged.wrapping_sub(track.unacknowledged);
            assert!(acknowledged <= sent, "{acknowledged} of {sent} bytes");
        }
    }

    /// Checks that a retransmission timeout that differs from `before` is within its bounds, and that a timeout is set
    /// while bytes are unacknowledged.
    fn check_due(&self, before: Instant) {
        let due = self.connection.recovery.due();
        if due != before && due != NEVER {
            let (first, last) = (self.now + SHORTEST, self.now + LONGEST);
            assert!((first..=last).contains(&due), "{due} at {}", self.now);
        }
        if self.connection.track.is_in_flight() {
            assert!(due < NEVER, "something is in flight that is never sent again");
        }
    }

    /// Checks that the acknowledged bytes do not exceed the sent bytes.
    fn check_track(&self) {
        let track = &self.connection.track;
        assert!(ahead(track.unacknowledged, track.next) >= 0, "{track:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn only_valid_segments_pass_and_timeouts_are_within_bounds(
        state in select([&SYNCHRONIZED[..], &[State::SynReceived]].concat()),
        own in any::<u32>(),
        theirs in any::<u32>(),
        events in vec(event(), 0..40),
    ) {
        let mut play = Play::new(state, own, theirs, 0);
        events.into_iter().for_each(|event| play.take(event));
    }

    #[test]
    fn numbers_wrap(
        state in select(SYNCHRONIZED.to_vec()),
        own in prop_oneof![any::<u32>(), (0..5000_u32).prop_map(u32::wrapping_neg)],
        theirs in prop_oneof![any::<u32>(), (0..5000_u32).prop_map(u32::wrapping_neg)],
        shift in any::<u32>(),
        events in vec(event(), 0..40),
    ) {
        let mut plays = [(0, 0, 0), (own, theirs, 0), (own, theirs, shift)]
            .map(|(own, theirs, shift)| Play::new(state, own, theirs, shift));
        for play in &mut plays {
            events.iter().for_each(|event| play.take(*event));
        }
        let [zero, other, shifted] = plays.map(|play| play.seen);
        assert_eq!(zero, other, "from other numbers");
        assert_eq!(other, shifted, "after a cookie");
    }
}

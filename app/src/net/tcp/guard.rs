//! Decides by sequence and acknowledgement numbers whether a received segment may reach the socket of its connection
//! (RFC 9293 section 3.10.7.4, RFC 5961, RFC 6191).
//!
//! smoltcp alone is less strict: it accepts a RST with any sequence number, ignores each SYN, and drops the data of a
//! segment with an old acknowledgement number.

use smoltcp::socket::tcp::State;

use super::segment::{ACK, FIN, RST, SYN, Segment, ahead};
use super::track::Track;
use crate::net::drops::Drop;

/// The decision of [`judge`] on a received segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum Verdict {
    /// The segment is passed to the socket.
    Pass,
    /// The segment is passed to the socket, but with the latest acknowledgement number and window of the peer, because
    /// the values in the segment are older.
    PassAsLast,
    /// The segment contains only an old acknowledgement. It is dropped and not counted.
    Ignore,
    /// The segment is dropped and counted under this reason.
    Drop(Drop),
    /// The segment is dropped, and its sender gets a challenge ACK. If the peer has no such connection any more, the
    /// peer answers the challenge with a RST that has the correct sequence number, and the connection ends. If an
    /// attacker sent the segment, the connection continues.
    Challenge(Drop),
    /// The segment is a SYN that begins a new connection between the same addresses and ports as the old connection,
    /// which has ended (TIME-WAIT).
    Renew,
    /// The segment is the retransmitted SYN of this connection. The SYN-ACK was lost and must be sent again.
    Again,
}

/// Judges a segment of a connection whose socket is in `state`.
pub(in crate::net) fn judge(track: &Track, state: State, segment: &Segment) -> Verdict {
    let offset = ahead(track.expected, segment.sequence);
    if segment.flags & RST != 0 {
        return judge_reset(track, offset);
    }
    if segment.flags & SYN != 0 {
        return judge_syn(state, segment, offset);
    }
    if !segment.has(ACK) {
        return Verdict::Drop(Drop::TcpNoAck);
    }
    match state {
        // During the handshake, the socket itself answers a wrong acknowledgement number with a RST, as RFC 9293
        // requires.
        State::SynReceived => Verdict::Pass,
        _ => judge_acknowledgement(track, segment, offset),
    }
}

/// Judges a RST (RFC 5961 section 3.2). `offset` is the distance from the expected sequence number to that of the
/// segment.
fn judge_reset(track: &Track, offset: i32) -> Verdict {
    match offset {
        0 => Verdict::Pass,
        1.. if offset.unsigned_abs() < track.receive_window() => Verdict::Challenge(Drop::TcpReset),
        _ => Verdict::Drop(Drop::TcpReset),
    }
}

/// Judges a SYN whose sequence number is `offset` behind the expected number (RFC 5961 section 4.2; for TIME-WAIT RFC
/// 9293 section 3.6.1 and RFC 6191 without timestamps).
fn judge_syn(state: State, segment: &Segment, offset: i32) -> Verdict {
    match state {
        State::TimeWait if segment.begins() && offset > 0 => Verdict::Renew,
        State::SynReceived if segment.begins() && offset == -1 => Verdict::Again,
        _ => Verdict::Challenge(Drop::TcpSyn),
    }
}

/// Judges the acknowledgement number of a segment (RFC 5961 section 5.2, RFC 9293). If this number is old, the data of
/// the segment is still passed to the socket.
fn judge_acknowledgement(track: &Track, segment: &Segment, offset: i32) -> Verdict {
    let sent = track.next.wrapping_sub(track.unacknowledged);
    if segment.acknowledged.wrapping_sub(track.unacknowledged) <= sent {
        return Verdict::Pass;
    }
    let old = track.unacknowledged.wrapping_sub(segment.acknowledged);
    if old > track.old_acknowledgement() {
        return Verdict::Challenge(Drop::TcpAck);
    }
    let is_empty = segment.payload_bytes == 0 && segment.flags & FIN == 0;
    // An empty segment with a sequence number below the expected one is a keep-alive or window probe, which the socket
    // must answer.
    if is_empty && offset >= 0 { Verdict::Ignore } else { Verdict::PassAsLast }
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use super::*;
    use crate::net::route::Key;
    use crate::net::tcp::segment::TcpOptions;

    /// Returns the numbers of an open connection. This machine has sent all bytes below 5000, the peer has acknowledged
    /// those below 4000, the next number expected from the peer is 1000, and the window offered to the peer is 20,000
    /// bytes.
    fn track() -> Track {
        let mut track = Track::begin(&segment(SYN, 999, 0), &TcpOptions::default());
        let mut sent = segment(SYN | ACK, 3999, 1000);
        sent.window = 20_000;
        track.send(&sent, &[0; 20]);
        track.hear(&segment(ACK, 1000, 4000));
        let mut sent = segment(ACK, 4000, 1000);
        (sent.window, sent.payload_bytes) = (20_000, 1000);
        track.send(&sent, &[]);
        track
    }

    fn segment(flags: u8, sequence: u32, acknowledged: u32) -> Segment {
        let key = Key { address: Ipv4Addr::LOCALHOST, port: 1, local: 2 };
        let (window, header_bytes, payload_bytes) = (30_000, 20, 0);
        Segment { key, sequence, acknowledged, flags, window, header_bytes, payload_bytes }
    }

    fn data(sequence: u32, acknowledged: u32) -> Segment {
        Segment { payload_bytes: 10, ..segment(ACK, sequence, acknowledged) }
    }

    const OPEN: [State; 6] = [
        State::Established,
        State::CloseWait,
        State::FinWait1,
        State::FinWait2,
        State::Closing,
        State::LastAck,
    ];

    #[test]
    fn only_the_reset_with_the_next_number_passes() {
        for state in OPEN.into_iter().chain([State::SynReceived, State::TimeWait]) {
            let judge = |sequence| judge(&track(), state, &segment(RST, sequence, 0));
            assert_eq!(judge(1000), Verdict::Pass);
            for within in [1001, 1100, 20_999] {
                assert_eq!(judge(within), Verdict::Challenge(Drop::TcpReset), "{within}");
            }
            for outside in [999, 0, 21_000, 0x8000_0000] {
                assert_eq!(judge(outside), Verdict::Drop(Drop::TcpReset), "{outside}");
            }
        }
    }

    #[test]
    fn a_syn_with_any_number_is_challenged() {
        for state in OPEN {
            for (flags, sequence) in [(SYN, 1000), (SYN, 5000), (SYN, 0), (SYN | ACK, 1000)] {
                let verdict = judge(&track(), state, &segment(flags, sequence, 4000));
                assert_eq!(verdict, Verdict::Challenge(Drop::TcpSyn), "{state} {sequence}");
            }
        }
    }

    #[test]
    fn a_newer_syn_renews_a_connection_that_has_ended() {
        let judge =
            |flags, sequence| judge(&track(), State::TimeWait, &segment(flags, sequence, 0));
        assert_eq!(judge(SYN, 1001), Verdict::Renew);
        assert_eq!(judge(SYN, 1_000_000), Verdict::Renew);
        for older in [1000, 999, 0x8000_1000] {
            assert_eq!(judge(SYN, older), Verdict::Challenge(Drop::TcpSyn), "{older}");
        }
        assert_eq!(judge(SYN | ACK, 1001), Verdict::Challenge(Drop::TcpSyn));
    }

    #[test]
    fn the_retransmitted_syn_of_a_handshake_is_recognized() {
        let judge = |sequence| judge(&track(), State::SynReceived, &segment(SYN, sequence, 0));
        assert_eq!(judge(999), Verdict::Again);
        assert_eq!(judge(77_000), Verdict::Challenge(Drop::TcpSyn));
    }

    #[test]
    fn an_old_acknowledgement_is_ignored_without_its_segment() {
        let judge = |segment: &Segment| judge(&track(), State::Established, segment);
        assert_eq!(judge(&data(1000, 4000)), Verdict::Pass);
        assert_eq!(judge(&data(1000, 5000)), Verdict::Pass);
        assert_eq!(judge(&data(1000, 3993)), Verdict::PassAsLast);
        assert_eq!(judge(&segment(ACK, 1000, 3993)), Verdict::Ignore);
        assert_eq!(judge(&segment(ACK, 999, 3993)), Verdict::PassAsLast, "a probe");
        assert_eq!(judge(&segment(ACK | FIN, 1000, 3993)), Verdict::PassAsLast);
    }

    #[test]
    fn acknowledgements_of_unsent_or_very_old_bytes_are_challenged() {
        for acknowledged in [5001, 6000, 0x8000_0000 + 4000, 4000_u32.wrapping_sub(30_001)] {
            let verdict = judge(&track(), State::Established, &data(1000, acknowledged));
            assert_eq!(verdict, Verdict::Challenge(Drop::TcpAck), "{acknowledged}");
        }
    }

    #[test]
    fn a_segment_without_ack_is_dropped() {
        for flags in [0, FIN, 0x08, 0x20] {
            let verdict = judge(&track(), State::Established, &segment(flags, 1000, 0));
            assert_eq!(verdict, Verdict::Drop(Drop::TcpNoAck));
        }
    }
}

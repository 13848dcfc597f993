//! Tests blind attacks: RST, SYN, SYN-ACK, data and ACK inside and outside the window (RFC 5961, RFC 9293
//! section 3.10.7.4).

use anyhow::ensure;

use crate::test::wire::bed::Bed;
use crate::test::wire::boot::Boot;
use crate::test::wire::findings::Findings;
use crate::test::wire::packet::Segment;
use crate::test::wire::peer::{Peer, QUIET};
use crate::test::wire::segment::{self, Flags, Out};
use crate::test::wire::topology::DEVICE;

/// Number of RSTs in a row. The next constant is the maximum number of answers: challenges are rate-limited
/// (RFC 5961 section 7).
const STORM: u32 = 200;
const ANSWERS_MAX: usize = 12;

/// Runs all attacks, each on a connection of its own.
pub(super) fn run(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    bed.serve("blind segments", &Boot::plain(), findings, |_, findings| {
        let mut strangers = Strangers { bed, port: 30_000 };
        strangers.resets(findings)?;
        strangers.resets_in_other_states(findings)?;
        strangers.syns(findings)?;
        strangers.acks(findings)?;
        strangers.without_ack(findings)?;
        strangers.storm(findings)
    });
    Ok(())
}

struct Strangers<'a> {
    bed: &'a Bed<'a>,
    port: u16,
}

impl Strangers<'_> {
    /// Returns a peer with a port of its own.
    fn peer(&mut self) -> anyhow::Result<Peer> {
        self.port += 1;
        Peer::new(&self.bed.near, DEVICE, self.port)
    }

    /// Returns a peer with an open connection.
    fn open(&mut self) -> anyhow::Result<Peer> {
        let mut peer = self.peer()?;
        peer.open(0x1000_0000)?;
        let (lives, _) = peer.pongs()?;
        ensure!(lives, "no PONG on a new connection");
        Ok(peer)
    }

    /// RFC 5961 section 3.2: a RST with the exact sequence number resets the connection. A RST with another
    /// number in the window is challenged, and any other RST is dropped.
    fn resets(&mut self, findings: &mut Findings) -> anyhow::Result<()> {
        for offset in [0, 1, 100, 1000, 19_000, -1, -100, -100_000] {
            let mut peer = self.open()?;
            peer.send(Out::new(Flags::RST).at(peer.seq.wrapping_add_signed(offset)))?;
            let answers = peer.drain(QUIET)?;
            let (lives, _) = peer.pongs()?;
            let is_right = match offset {
                0 => !lives && answers.is_empty(),
                1.. => lives && is_challenge(&answers),
                _ => lives && answers.is_empty(),
            };
            let claim = format!("RST at RCV.NXT{offset:+} in ESTABLISHED");
            findings.judge(&claim, is_right, seen(&answers, lives));
            peer.reset()?;
        }
        for offset in [1, 100, 30_000] {
            let mut peer = self.peer()?;
            peer.knock(0x1000_0000)?;
            peer.send(Out::new(Flags::RST).at(peer.seq.wrapping_add_signed(offset)))?;
            let answers = peer.drain(QUIET)?;
            peer.send(Out::new(Flags::ACK))?;
            let (lives, _) = peer.pongs()?;
            let claim = format!("RST at RCV.NXT{offset:+} in SYN-RECEIVED");
            findings.judge(&claim, lives, seen(&answers, lives));
            peer.reset()?;
        }
        Ok(())
    }

    /// Tests RSTs after one side has closed. An old sequence number shows whether the server still has the
    /// connection.
    fn resets_in_other_states(&mut self, findings: &mut Findings) -> anyhow::Result<()> {
        for name in ["CLOSE-WAIT", "FIN-WAIT-2"] {
            let mut peer = self.open()?;
            if name == "CLOSE-WAIT" {
                // The replies do not fit into the window, so the server cannot close yet.
                peer.push(Out::data(&b"PING\r\n".repeat(200)).window(0))?;
                peer.drain(QUIET)?;
                peer.push(Out::new(Flags::FIN_ACK).window(0))?;
                peer.drain(QUIET)?;
            } else {
                peer.push(Out::data(b"QUIT\r\n"))?;
                let last = peer.wait_for(|segment| segment.header.fin)?;
                peer.take(&last);
                peer.send(Out::new(Flags::ACK))?;
                peer.drain(QUIET)?;
            }
            let window = if name == "CLOSE-WAIT" { 0 } else { 60_000 };
            peer.send(Out::new(Flags::RST).at(peer.seq.wrapping_add(100)))?;
            let answers = peer.drain(QUIET)?;
            peer.send(Out::new(Flags::ACK).at(peer.seq.wrapping_sub(1)).window(window))?;
            let after = peer.wait_for(|_| true)?;
            let is_known = after.iter().any(|segment| !segment.header.rst);
            // The server may send a window probe at the same time.
            let is_challenged = answers.iter().any(|answer| answer.flags() == Flags::ACK);
            let claim = format!("RST at RCV.NXT+100 in {name}");
            // In FIN-WAIT-2, Linux keeps only a small record, and every RST in the window ends it.
            let is_exempt = self.bed.is_control && name == "FIN-WAIT-2";
            let is_right = is_exempt || is_known && is_challenged;
            findings.judge(&claim, is_right, seen(&answers, is_known));
            peer.reset()?;
        }
        Ok(())
    }

    /// RFC 5961 section 4.2: a SYN is challenged, whatever its sequence number is.
    fn syns(&mut self, findings: &mut Findings) -> anyhow::Result<()> {
        for (flags, name) in [(Flags::SYN, "SYN"), (Flags::SYN_ACK, "SYN-ACK")] {
            for offset in [0, 1, 100, 19_000, 50_000, -1000] {
                let mut peer = self.open()?;
                peer.send(Out::new(flags).at(peer.seq.wrapping_add_signed(offset)))?;
                let answers = peer.wait_for(|_| true)?;
                let (lives, _) = peer.pongs()?;
                let claim = format!("{name} at RCV.NXT{offset:+} in ESTABLISHED");
                findings.judge(&claim, lives && is_challenge(&answers), seen(&answers, lives));
                peer.reset()?;
            }
        }
        Ok(())
    }

    /// RFC 5961 section 5.2: tests data with an acknowledgment of bytes that were not sent, or of far too old
    /// bytes.
    fn acks(&mut self, findings: &mut Findings) -> anyhow::Result<()> {
        for offset in [1000, i32::MAX, -200_000] {
            let mut peer = self.open()?;
            let ack = peer.ack.wrapping_add_signed(offset);
            peer.send(Out::data(b"PING\r\n").acknowledging(ack))?;
            let answers = peer.wait_for(|_| true)?;
            let is_served = answers.iter().any(|segment| !segment.data.is_empty());
            let (lives, _) = peer.pongs()?;
            let is_right = !is_served && is_challenge(&answers) && lives;
            let claim = format!("data whose ACK is SND.NXT{offset:+}");
            findings.judge(&claim, is_right, seen(&answers, lives));
            peer.reset()?;
        }
        Ok(())
    }

    /// RFC 9293 section 3.10.7.4: a segment without the flag ACK is dropped.
    fn without_ack(&mut self, findings: &mut Findings) -> anyhow::Result<()> {
        for flags in [Flags::NONE, Flags::PSH, Flags::FIN, Flags::URG] {
            let mut peer = self.open()?;
            peer.send(Out { flags, ..Out::data(b"PING\r\n") })?;
            let answers = peer.drain(QUIET)?;
            let (lives, _) = peer.pongs()?;
            let is_served = answers.iter().any(|segment| !segment.data.is_empty());
            let claim = format!("data with the flags '{flags}'");
            findings.judge(&claim, lives && !is_served, seen(&answers, lives));
            peer.reset()?;
        }
        Ok(())
    }

    /// The server must limit the rate of challenges, and the connection must stay open.
    fn storm(&mut self, findings: &mut Findings) -> anyhow::Result<()> {
        let mut peer = self.open()?;
        for number in 0..STORM {
            peer.send(Out::new(Flags::RST).at(peer.seq.wrapping_add(100 + number)))?;
        }
        let answers = peer.drain(QUIET * 3)?;
        let (lives, _) = peer.pongs()?;
        let is_right = lives && (1..=ANSWERS_MAX).contains(&answers.len());
        let seen = format!("{} answers, {}", answers.len(), word(lives));
        findings.judge(&format!("{STORM} resets inside the window"), is_right, seen);
        peer.reset()
    }
}

/// Returns whether the answer consists of one ACK without data.
fn is_challenge(answers: &[Segment]) -> bool {
    matches!(answers, [answer] if answer.flags() == Flags::ACK && answer.data.is_empty())
}

fn word(lives: bool) -> &'static str {
    if lives { "then alive" } else { "then dead" }
}

fn seen(answers: &[Segment], lives: bool) -> String {
    format!("{}, {}", segment::show(answers), word(lives))
}

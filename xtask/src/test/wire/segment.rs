//! TCP segments: their flags, their text form, and segments to be sent.

use std::fmt;

use etherparse::{TcpHeader, TcpOptionElement};

use super::packet::Segment;

/// The bits of a TCP header's flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flags(u8);

impl Flags {
    pub(super) const NONE: Self = Self(0);
    pub(super) const FIN: Self = Self(1);
    pub(super) const SYN: Self = Self(2);
    pub(super) const RST: Self = Self(4);
    pub(super) const PSH: Self = Self(8);
    pub(super) const ACK: Self = Self(16);
    pub(super) const URG: Self = Self(32);
    pub(super) const SYN_ACK: Self = Self(18);
    pub(super) const FIN_ACK: Self = Self(17);
    pub(super) const DATA: Self = Self(24);

    /// Returns whether all flags of `other` are set.
    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    fn of(header: &TcpHeader) -> Self {
        let bits = [header.fin, header.syn, header.rst, header.psh, header.ack, header.urg];
        Self(bits.iter().enumerate().map(|(at, &bit)| u8::from(bit) << at).sum())
    }

    pub(super) fn apply(self, header: &mut TcpHeader) {
        header.fin = self.has(Self::FIN);
        header.syn = self.has(Self::SYN);
        header.rst = self.has(Self::RST);
        header.psh = self.has(Self::PSH);
        header.ack = self.has(Self::ACK);
        header.urg = self.has(Self::URG);
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = "FSRPAU".chars().enumerate();
        letters
            .filter(|(at, _)| self.0 >> at & 1 == 1)
            .try_for_each(|(_, letter)| write!(f, "{letter}"))
    }
}

impl Segment {
    /// Returns the flags.
    pub(super) fn flags(&self) -> Flags {
        Flags::of(&self.header)
    }

    /// Returns the sequence number after the segment. SYN and FIN count as one byte each.
    pub(super) fn end(&self) -> u32 {
        let marks = u32::from(self.header.syn) + u32::from(self.header.fin);
        let length = u32::try_from(self.data.len()).unwrap_or_default();
        self.header.sequence_number.wrapping_add(length).wrapping_add(marks)
    }

    /// Returns the largest segment size that the segment announces.
    pub(super) fn mss(&self) -> Option<u16> {
        self.header.options_iterator().flatten().find_map(|option| match option {
            TcpOptionElement::MaximumSegmentSize(mss) => Some(mss),
            _ => None,
        })
    }
}

/// Formats segments for the evidence of a judgment.
pub(super) fn show(segments: &[Segment]) -> String {
    const SHOWN_MAX: usize = 6;
    let text = |segment: &Segment| {
        let (header, length) = (&segment.header, segment.data.len());
        let (seq, ack) = (header.sequence_number, header.acknowledgment_number);
        format!("{} seq={seq} ack={ack} len={length}", segment.flags())
    };
    let texts: Vec<_> = segments.iter().take(SHOWN_MAX).map(text).collect();
    let more = if segments.len() > SHOWN_MAX { " …" } else { "" };
    format!("[{}{more}]", texts.join(", "))
}

/// A segment to be sent. Fields that are not set get the peer's next values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Out<'a> {
    pub(super) flags: Flags,
    pub(super) data: &'a [u8],
    pub(super) seq: Option<u32>,
    pub(super) ack: Option<u32>,
    pub(super) window: u16,
    pub(super) mss: Option<u16>,
}

impl<'a> Out<'a> {
    /// Creates a segment without data.
    pub(super) const fn new(flags: Flags) -> Self {
        Self { flags, data: &[], seq: None, ack: None, window: 60_000, mss: None }
    }

    /// Creates a segment with data.
    pub(super) const fn data(data: &'a [u8]) -> Self {
        Self { data, ..Self::new(Flags::DATA) }
    }

    /// Returns the segment with this sequence number.
    pub(super) const fn at(self, seq: u32) -> Self {
        Self { seq: Some(seq), ..self }
    }

    /// Returns the segment with this acknowledgment number.
    pub(super) const fn acknowledging(self, ack: u32) -> Self {
        Self { ack: Some(ack), ..self }
    }

    /// Returns the segment with this window.
    pub(super) const fn window(self, window: u16) -> Self {
        Self { window, ..self }
    }
}

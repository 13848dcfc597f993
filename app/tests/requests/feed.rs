//! Simulates the input buffer of a connection: bytes arrive in pieces, and requests are parsed at the front.

use app::resp::{self, Discard, DiscardProgress, Limits, Oversize, Parsed, Ranges, Resume};

/// Maximum arguments of a request.
pub(crate) const ARGUMENTS: usize = 8;
/// Limits so small that short test inputs exceed them.
pub(crate) const LIMITS: Limits = Limits {
    inline_bytes: 128,
    bulk_bytes: 1000,
    arguments: ARGUMENTS,
    held_bytes: 256,
    is_admitted: true,
};

/// A result of the parser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A request.
    Request(Vec<Vec<u8>>),
    /// The stored arguments of a request that is too large.
    Oversize(Vec<Vec<u8>>),
    /// A protocol error. Its type depends on the received length of an unfinished line, as in Redis.
    Broken,
}

/// Feeds bytes that are cut at `cuts`, in 256ths of the whole.
pub(crate) fn feed(bytes: &[u8], cuts: &[u8]) -> Vec<Event> {
    let mut places: Vec<_> = cuts.iter().map(|cut| bytes.len() * usize::from(*cut) / 256).collect();
    places.sort_unstable();
    places.push(bytes.len());
    let mut feeder = Feeder::new();
    let mut from = 0;
    for place in places {
        feeder.take(&bytes[from..place]);
        from = place;
    }
    feeder.events
}

/// Feeds bytes one by one.
pub(crate) fn bytewise(bytes: &[u8]) -> Vec<Event> {
    let mut feeder = Feeder::new();
    bytes.iter().for_each(|byte| feeder.take(&[*byte]));
    feeder.events
}

struct Feeder {
    held: Vec<u8>,
    discard: Option<Discard>,
    ranges: Ranges,
    resume: Resume,
    events: Vec<Event>,
}

impl Feeder {
    fn new() -> Self {
        let ranges = Ranges::with_limit(ARGUMENTS, LIMITS.inline_bytes);
        let resume = Resume::default();
        Self { held: Vec::new(), discard: None, ranges, resume, events: Vec::new() }
    }

    /// Adds a piece in parts that fit the buffer.
    fn take(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() && self.events.last() != Some(&Event::Broken) {
            let room = LIMITS.held_bytes - self.held.len();
            assert!(room > 0, "a buffer that is full and of which nothing is taken");
            let (now, rest) = piece.split_at(room.min(piece.len()));
            self.held.extend_from_slice(now);
            piece = rest;
            while self.step() {}
        }
    }

    /// Parses one item at the front. Returns `false` if more bytes are needed.
    fn step(&mut self) -> bool {
        if let Some(discard) = &mut self.discard {
            let (consumed, is_over) = match discard.step(&self.held) {
                DiscardProgress::Pending { consumed } => (consumed, false),
                DiscardProgress::Done { consumed } => (consumed, true),
                DiscardProgress::Broken(_) => {
                    self.events.push(Event::Broken);
                    return false;
                }
            };
            self.held.drain(..consumed);
            if is_over {
                self.discard = None;
            }
            return is_over || consumed > 0;
        }
        let parsed = resp::parse(&self.held, &LIMITS, &mut self.ranges, &mut self.resume);
        let arguments = || self.ranges.within(&self.held).iter().map(<[u8]>::to_vec).collect();
        let consumed = match parsed {
            Parsed::Incomplete => return false,
            Parsed::Empty { consumed } => consumed,
            Parsed::Request { consumed } => {
                self.events.push(Event::Request(arguments()));
                consumed
            }
            Parsed::Oversize(oversize) | Parsed::TooMany(oversize) => {
                self.events.push(Event::Oversize(arguments()));
                let Oversize { consumed, .. } = oversize;
                self.discard = Some(Discard::new(&oversize, &LIMITS));
                consumed
            }
            Parsed::Broken(_) => {
                self.events.push(Event::Broken);
                return false;
            }
        };
        assert!(consumed <= self.held.len(), "{consumed} of {} bytes", self.held.len());
        self.held.drain(..consumed);
        self.resume = Resume::default();
        true
    }
}

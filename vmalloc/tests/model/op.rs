//! The operations on a window, and their encoding as numbers, which seeds, proptest and the fuzzer
//! share. Small numbers encode simple operations, so that shrunk cases are simple.

use vmalloc::{Huge, PAGE_BYTES, Protection, Request, Reservation};

/// The number of pages that a large leaf maps.
pub(crate) const LARGE_PAGES: u64 = 512;

/// One operation. A region is named by a number, modulo the number of regions.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Allocate(Wanted),
    AllocateFailing(Wanted, Failure),
    Free { which: u32, way: FreeWay },
    Defer { which: u32 },
    FreeWrongly { which: u32, mistake: Mistake },
    ChangeOwner { which: u32 },
    Resize { which: u32, size: Size, way: ResizeWay },
    ResizeFailing { which: u32, size: Size, way: ResizeWay, failure: Failure },
    Protect { which: u32, protection: Protection },
    Map { frames: u64, protection: Protection },
    Unmap { which: u32, lazily: bool },
    Sign { which: u32, word: u64 },
    Touch { which: u32, page: u64, cpu: u32 },
    Purge,
    Reclaim,
    FillZeroed { frames: u64 },
    FlushEagerly(bool),
    Pool(bool),
    Copy(bool),
    GoOn { cpu: u32, sleep: bool },
    Acknowledge,
    Deafen { cpu: u32, steps: u32 },
    List { areas: u32 },
}

/// A size: whole pages, less some bytes of the last one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) pages: u64,
    pub(crate) slack: u64,
}

impl Size {
    pub(crate) fn bytes(self) -> u64 {
        self.pages * PAGE_BYTES - self.slack
    }
}

impl Size {
    /// Returns a size of up to 3 large leaves for most sizes, often of whole ones. The other sizes
    /// stay, so that most regions start at no multiple of 2 MiB.
    fn enlarged(self) -> Self {
        let Self { pages, slack } = self;
        let larges = LARGE_PAGES * (1 + slack % 3);
        match slack / 3 % 4 {
            0 => self,
            1 => Self { pages: larges, slack },
            2 => Self { pages: larges + pages, slack },
            _ => Self { pages: larges + LARGE_PAGES / 2 + pages, slack },
        }
    }
}

/// The options of an allocation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) size: Size,
    /// The base-2 logarithm of the alignment in pages.
    pub(crate) align: u32,
    pub(crate) zeroed: bool,
    pub(crate) protection: Protection,
    /// The NUMA node, and whether frames of other nodes are refused.
    pub(crate) node: Option<(u32, bool)>,
    pub(crate) huge: Huge,
    pub(crate) system: bool,
    pub(crate) reserve: bool,
    /// Whether the region keeps its owner.
    pub(crate) owned: bool,
}

impl Wanted {
    fn enlarged(self) -> Self {
        let huge = if self.huge == Huge::Never { Huge::Try } else { self.huge };
        Self { size: self.size.enlarged(), huge, ..self }
    }

    pub(crate) fn request(&self) -> Request {
        let request = Request::try_new(self.size.bytes()).expect("it has a size");
        let request = request.align(PAGE_BYTES << self.align).expect("a power of two");
        let request = request.protection(self.protection);
        let request = match self.node {
            None => Ok(request),
            Some((node, true)) => request.only_node(node),
            Some((node, false)) => request.prefer_node(node),
        };
        let request = request.expect("a node that is counted");
        let request = request.huge(self.huge).expect("long enough for a large leaf");
        let request = if self.zeroed { request.zeroed() } else { request };
        let request = if self.system { request.system() } else { request };
        if self.reserve { request.with_reserve() } else { request }
    }
}

/// A reservation that is made to fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Reservation,
    pub(crate) number: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FreeWay {
    Id,
    Address,
    /// Freed by an owner that was made from the id.
    Owner,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    Stale,
    Never,
    Interior,
    Guard,
    Owned,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct ResizeWay {
    pub(crate) in_place: bool,
    pub(crate) copy: bool,
    pub(crate) zeroed: bool,
}

/// A number from which smaller numbers are taken, each with its own radix.
struct Digits(u64);

impl Digits {
    fn below(&mut self, end: u64) -> u64 {
        let digit = self.0 % end;
        self.0 /= end;
        digit
    }

    fn one_in(&mut self, number: u64) -> bool {
        self.below(number) == number - 1
    }

    fn which(&mut self) -> u32 {
        self.below(1 << 10) as u32
    }

    fn protection(&mut self) -> Protection {
        use Protection::{None, ReadExecute, ReadOnly, ReadWrite};
        [ReadWrite, ReadOnly, ReadExecute, None][self.below(4) as usize]
    }

    fn size(&mut self) -> Size {
        let pages = match self.below(20) {
            19 => 1 + self.below(700),
            18 => LARGE_PAGES * (1 + self.below(3)),
            16..18 => 1 + self.below(60),
            _ => 1 + self.below(8),
        };
        Size { pages, slack: self.below(PAGE_BYTES) }
    }

    fn failure(&mut self) -> Failure {
        let kind = Reservation::ALL[self.below(4) as usize];
        Failure { kind, number: 1 + self.below(3) as u32 }
    }

    fn wanted(&mut self) -> Wanted {
        let size = self.size();
        let zeroed = self.one_in(2);
        let align = match self.below(16) {
            15 => [9, 18][self.below(2) as usize],
            12..15 => self.below(7) as u32,
            _ => 0,
        };
        let protection = if self.one_in(3) { self.protection() } else { Protection::ReadWrite };
        let node = match self.below(6) {
            4 => Some((self.below(4) as u32, true)),
            5 => Some((self.below(4) as u32, false)),
            _ => None,
        };
        let (system, reserve) = (self.one_in(8), self.one_in(6));
        let owned = self.one_in(3);
        let huge = match self.below(4) {
            2 => Huge::Try,
            3 if size.pages >= LARGE_PAGES => Huge::Must,
            _ => Huge::Never,
        };
        Wanted { size, align, zeroed, protection, node, huge, system, reserve, owned }
    }

    fn resize_way(&mut self) -> ResizeWay {
        ResizeWay { in_place: self.one_in(4), copy: self.one_in(4), zeroed: self.one_in(3) }
    }
}

impl Op {
    /// Returns the same operation with sizes at which regions have large leaves.
    pub(crate) fn enlarged(self) -> Self {
        match self {
            Self::Allocate(wanted) => Self::Allocate(wanted.enlarged()),
            Self::AllocateFailing(wanted, failure) => {
                Self::AllocateFailing(wanted.enlarged(), failure)
            }
            Self::Resize { which, size, way } => Self::Resize { which, size: size.enlarged(), way },
            Self::ResizeFailing { which, size, way, failure } => {
                Self::ResizeFailing { which, size: size.enlarged(), way, failure }
            }
            other => other,
        }
    }

    /// Decodes an operation. Every triple of numbers is valid.
    pub(crate) fn from_words(verb: u8, low: u32, high: u32) -> Self {
        let d = &mut Digits(u64::from(high) << 32 | u64::from(low));
        match verb % 64 {
            0..14 => Self::Allocate(d.wanted()),
            14..16 => Self::AllocateFailing(d.wanted(), d.failure()),
            16..26 => {
                let way = [FreeWay::Id, FreeWay::Address, FreeWay::Owner];
                Self::Free { which: d.which(), way: way[d.below(3) as usize] }
            }
            26 => Self::Defer { which: d.which() },
            27..30 => {
                use Mistake::{Guard, Interior, Never, Owned, Stale};
                let mistakes = [Stale, Never, Interior, Guard, Owned];
                Self::FreeWrongly { which: d.which(), mistake: mistakes[d.below(5) as usize] }
            }
            30 => Self::ChangeOwner { which: d.which() },
            31..38 => Self::Resize { which: d.which(), size: d.size(), way: d.resize_way() },
            38 => {
                let (which, size, way) = (d.which(), d.size(), d.resize_way());
                Self::ResizeFailing { which, size, way, failure: d.failure() }
            }
            39..42 => Self::Protect { which: d.which(), protection: d.protection() },
            42 => Self::Map { frames: 1 + d.below(8), protection: d.protection() },
            43 => Self::Unmap { which: d.which(), lazily: d.one_in(2) },
            44..49 => Self::Sign { which: d.which(), word: d.below(1 << 20) },
            49..52 => Self::Touch { which: d.which(), page: d.below(1 << 10), cpu: d.which() },
            52 => Self::Purge,
            53 => Self::Reclaim,
            54 => Self::FillZeroed { frames: 1 + d.below(30) },
            55 => match d.below(3) {
                0 => Self::FlushEagerly(d.one_in(3)),
                1 => Self::Pool(!d.one_in(3)),
                _ => Self::Copy(d.one_in(3)),
            },
            56..60 => Self::GoOn { cpu: d.which(), sleep: d.one_in(3) },
            60 => Self::Acknowledge,
            61 => Self::Deafen { cpu: d.which(), steps: 1 + d.below(12) as u32 },
            _ => Self::List { areas: 1 + d.below(8) as u32 },
        }
    }
}

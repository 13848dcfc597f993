//! Why a request was refused, and the one place that says so.

mod family;
mod human;
mod region_name;
mod word;

use core::fmt::{self, Write};

use arrayvec::ArrayString;
use runtime_config::limits::NAME_BYTES_MAX;
use vmalloc::{AllocateError, PageCount, RegionError, RegionId, RequestError, ResizeError};

use super::shown::Shown;
use crate::resp::Reply;

pub(super) use family::TOO_LARGE;
pub(super) use human::Human;
pub(super) use region_name::RegionName;
pub use word::Word;

/// Why a request was refused. Nothing has changed, except where it says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// An argument is not what it must be: what it is for, and what it was.
    Invalid(&'static str, Word),
    /// The same, where the text says it all.
    Malformed(&'static str),
    /// An option is the last word, and takes one more.
    NoValue(Word),
    /// An option that is planned and not served yet.
    NotServed(&'static str),
    /// An option that there is none of.
    Option(Word),
    /// A request that can never be built.
    Request(RequestError),
    /// The machine has no such node.
    NoNode {
        /// What was asked for.
        node: u32,
        /// Nodes are below this.
        limit: u32,
    },
    /// The library refused; with the size as the client wrote it.
    Allocate(AllocateError, Word),
    /// A region that must not move has no room where it is: pages that it would have.
    MustMove(PageCount),
    /// A region of the image itself is not resized.
    Mapped(RegionId),
    /// A limit of the service on how many of something there may be.
    Quota(&'static str, usize),
    /// A limit on what one client may have.
    OverQuota {
        /// Of what.
        what: &'static str,
        /// How much more was asked for.
        wanted: u64,
        /// How much there is already.
        used: u64,
        /// How much there may be.
        limit: u64,
    },
    /// A mapping would be writable and executable.
    Wx,
    /// An error of Redis' own with another first word.
    Plain(&'static str),
    /// No such region: the id, as given.
    NoRegion(RegionError),
    /// The region is being resized or gets other rights; the request may be tried again.
    Changing(RegionId),
    /// The id names a region that is not usable.
    NotUsable(RegionId),
    /// No region has this name.
    NoName(Shown),
    /// A name, or a key, of so many bytes is longer than any can be.
    LongName(usize),
    /// The same in the words of Redis.
    LongKey(usize),
    /// The name is another region's.
    Exists(RegionName),
    /// The region belongs to another connection.
    NotOwner(RegionId),
    /// The region belongs to the image itself.
    System(RegionId, &'static str),
    /// The bytes do not all lie in the region.
    Range {
        /// The region.
        place: RegionName,
        /// The first byte.
        offset: u64,
        /// How many.
        length: u64,
        /// What the region has.
        requested: u64,
    },
    /// The hardware refused an access to the region. Bytes before the offset may have changed.
    Fault {
        /// The region.
        place: RegionName,
        /// The byte that was refused.
        offset: u64,
        /// What was tried: `read` or `write`.
        access: &'static str,
    },
    /// A reply is larger than the output may be; a hint says what to use instead.
    ReplyLimit(usize, &'static str),
    /// A search among the names would take more comparisons than a turn has.
    TooManySteps(u64, &'static str),
    /// A text is too long: of what, its bytes, and the limit.
    TooLong(&'static str, usize, usize),
    /// A request has at least so many bytes, more than are held of one.
    RequestLimit(usize, usize),
    /// All large requests together hold so many bytes of those that they may hold.
    RequestsLimit(usize, usize),
    /// No memory to hold so many bytes of a request.
    RequestMemory(usize),
    /// A request has so many arguments, more than it may have.
    TooManyArguments(usize, usize),
    /// All connections together watch so many keys already.
    WatchLimit(usize),
    /// An inline request has more words than it may have.
    TooManyWords(usize),
    /// No memory for a reply of so many bytes.
    ReplyMemory(usize),
    /// Something that there is one of is in use.
    Busy(&'static str),
    /// An error of Redis' own, word for word after `ERR`.
    Redis(&'static str),
    /// A time at which a key cannot end: the command.
    ExpireTime(&'static str),
    /// An error of Redis' own that repeats a client's text between two parts, byte for byte.
    Quoted(&'static str, Word, &'static str),
    /// `HELLO` with a version other than 2.
    Protocol,
}

impl Failure {
    /// Writes the error. The text of a client may have any byte, and Redis repeats it as it is.
    pub(super) fn write(&self, reply: &mut Reply<'_>) {
        match self {
            Self::Quoted(before, word, after) => reply.error_of_bytes(&[
                b"ERR ",
                before.as_bytes(),
                word.as_c_prints(),
                after.as_bytes(),
            ]),
            _ => reply.error(format_args!("{self}")),
        }
    }

    /// Whether the request failed only because something was used up for now: `SOFT` turns that
    /// into a null.
    #[must_use]
    pub fn is_capacity(&self) -> bool {
        match self {
            Self::Allocate(error, _) => !matches!(error, AllocateError::TooBig { .. }),
            Self::Quota(..) | Self::OverQuota { .. } => true,
            _ => false,
        }
    }
}

/// The line of the reply, from its code on.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(what, word) => write!(f, "INVAL {what}, not '{word}'"),
            Self::Malformed(what) => write!(f, "INVAL {what}"),
            Self::NoValue(option) => write!(f, "INVAL option {option} has no value"),
            Self::NotServed(name) => write!(f, "INVAL option {name} is not served yet"),
            Self::Option(word) => write!(f, "INVAL unknown option '{word}'"),
            Self::Request(error) => write!(f, "INVAL {error}"),
            Self::NoNode { node, limit } => write!(f, "NONODE node {node}, nodes {limit}"),
            Self::Allocate(error, size) => allocate(f, error, size),
            Self::MustMove(pages) => write!(f, "NOVA need {pages} in place"),
            Self::Mapped(id) => write!(f, "PERM region {id} maps frames of the image's own"),
            Self::Quota(what, limit) => write!(f, "QUOTA {what} all {limit} taken"),
            Self::OverQuota { what, wanted, used, limit } => {
                write!(f, "QUOTA {what} wanted={wanted} used={used} limit={limit}")
            }
            Self::Wx => f.write_str("WXVIOLATION a region is writable or executable, not both"),
            Self::Plain(text) => f.write_str(text),
            Self::NoRegion(error) => write!(f, "NOENT {error}"),
            Self::Changing(id) => write!(f, "BUSY region {id} is being changed"),
            Self::NotUsable(id) => write!(f, "NOENT no region {id}"),
            Self::NoName(name) => write!(f, "NOENT no region named {name}"),
            Self::LongName(bytes) => {
                write!(f, "INVAL a name of {bytes} bytes exceeds {NAME_BYTES_MAX}")
            }
            Self::LongKey(bytes) => {
                write!(f, "ERR a key of {bytes} bytes exceeds {NAME_BYTES_MAX}")
            }
            Self::Exists(place) => write!(f, "EXISTS {place}"),
            Self::NotOwner(id) => write!(f, "PERM region {id} belongs to another connection"),
            Self::System(id, caller) => write!(f, "PERM region {id} is the image's own {caller}"),
            Self::Range { place, offset, length, requested } => {
                write!(f, "RANGE {place} offset={offset} length={length} requested={requested}")
            }
            Self::Fault { place, offset, access } => {
                write!(f, "FAULT {place} offset={offset} access={access}")
            }
            Self::ReplyLimit(limit, hint) => write!(f, "LIMIT reply exceeds {limit} bytes{hint}"),
            Self::TooManySteps(limit, instead) => {
                write!(f, "LIMIT search exceeds {limit} comparisons, use {instead}")
            }
            Self::TooLong(what, bytes, limit) => {
                write!(f, "ERR {what} of {bytes} bytes exceeds {limit}")
            }
            Self::RequestLimit(bytes, limit) => {
                write!(f, "LIMIT request of at least {bytes} bytes exceeds {limit}")
            }
            Self::RequestsLimit(used, limit) => {
                write!(f, "OOM requests under way hold {used} of {limit} bytes")
            }
            Self::RequestMemory(bytes) => write!(f, "OOM no memory for a request of {bytes} bytes"),
            Self::TooManyArguments(count, limit) => {
                write!(f, "LIMIT request of {count} arguments exceeds {limit}")
            }
            Self::WatchLimit(limit) => write!(f, "LIMIT watched keys all {limit} taken"),
            Self::TooManyWords(limit) => write!(f, "LIMIT inline request exceeds {limit} words"),
            Self::ReplyMemory(bytes) => write!(f, "NOMEM no room for a reply of {bytes} bytes"),
            Self::Busy(what) => write!(f, "BUSY {what}"),
            Self::Redis(text) => write!(f, "ERR {text}"),
            Self::ExpireTime(command) => {
                write!(f, "ERR invalid expire time in '{command}' command")
            }
            Self::Quoted(before, word, after) => write!(f, "ERR {before}{word}{after}"),
            Self::Protocol => f.write_str("NOPROTO unsupported protocol version"),
        }
    }
}

/// Turns the library's errors into codes.
fn allocate(f: &mut fmt::Formatter<'_>, error: &AllocateError, size: &Word) -> fmt::Result {
    match *error {
        AllocateError::TooBig { usable, .. } => {
            write!(f, "TOOBIG {size} exceeds {} of usable memory", Human(usable))
        }
        AllocateError::FramesExhausted { requested, available } => {
            write!(f, "NOMEM need {requested} pages, {available} free")
        }
        AllocateError::WindowExhausted { requested, align, largest_gap } => {
            write!(f, "NOVA need {requested} aligned to {align}, largest gap {largest_gap}")
        }
        AllocateError::RegionsExhausted { limit } => write!(f, "QUOTA regions all {limit} taken"),
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl From<ResizeError> for Failure {
    fn from(error: ResizeError) -> Self {
        match error {
            ResizeError::Request(error) => error.into(),
            ResizeError::Region(error) => error.into(),
            ResizeError::Allocate(error) => {
                let mut size = ArrayString::<24>::new();
                if let AllocateError::TooBig { requested, .. } = error {
                    // Twenty digits fit.
                    let _ = write!(size, "{requested}");
                }
                Self::Allocate(error, Word::new(size.as_bytes()))
            }
            ResizeError::MustMove { requested } => Self::MustMove(requested),
            ResizeError::Mapped { id } => Self::Mapped(id),
        }
    }
}

impl From<RegionError> for Failure {
    fn from(error: RegionError) -> Self {
        match error {
            RegionError::Changing { id } => Self::Changing(id),
            RegionError::Unknown { .. }
            | RegionError::Gone { .. }
            | RegionError::Owned { .. }
            | RegionError::NotRegionStart { .. } => Self::NoRegion(error),
        }
    }
}

//! The errors of requests, and their one conversion into replies.

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

/// The reason why a request was refused. No state has changed, except where a variant says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// An argument is invalid: the rule that it breaks, and its text.
    Invalid(&'static str, Word),
    /// An argument is invalid: the complete message.
    Malformed(&'static str),
    /// An option without its value.
    NoValue(Word),
    /// An option that is planned but not implemented.
    NotServed(&'static str),
    /// An unknown option.
    Option(Word),
    /// A request that the library refuses in any state.
    Request(RequestError),
    /// The machine has no such node.
    NoNode {
        /// The requested node.
        node: u32,
        /// The number of nodes.
        limit: u32,
    },
    /// The library refused an allocation; the size is repeated as the client wrote it.
    Allocate(AllocateError, Word),
    /// A region that must not move has no room at its address for this number of pages.
    MustMove(PageCount),
    /// A region of the image itself cannot be resized.
    Mapped(RegionId),
    /// A limit of the service on the number of objects of a kind: the kind, and the limit.
    Quota(&'static str, usize),
    /// A quota of one client is exceeded.
    OverQuota {
        /// The limited amount.
        what: &'static str,
        /// The amount that the request adds.
        wanted: u64,
        /// The amount in use.
        used: u64,
        /// The limit.
        limit: u64,
    },
    /// A mapping would be writable and executable.
    Wx,
    /// An error of Redis with another first word than `ERR`.
    Plain(&'static str),
    /// No such region: the error with the id as given.
    NoRegion(RegionError),
    /// The region is being resized or its protection is being changed; the request may be retried.
    Changing(RegionId),
    /// The id belongs to a region that is not usable.
    NotUsable(RegionId),
    /// No region has this name.
    NoName(Shown),
    /// A name of this number of bytes exceeds the limit.
    LongName(usize),
    /// A key of this number of bytes exceeds the limit; the text is that of Redis.
    LongKey(usize),
    /// The name belongs to another region.
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
        /// The number of bytes.
        length: u64,
        /// The requested size of the region in bytes.
        requested: u64,
    },
    /// The hardware refused an access to the region. Bytes before the offset may have changed.
    Fault {
        /// The region.
        place: RegionName,
        /// The offset of the refused byte.
        offset: u64,
        /// The kind of access: `read` or `write`.
        access: &'static str,
    },
    /// A reply exceeds the limit, which is given in bytes; the hint names an alternative.
    ReplyLimit(usize, &'static str),
    /// A search among the names exceeds the comparisons of one turn: the limit, and a hint.
    TooManySteps(u64, &'static str),
    /// A text is too long: its kind, its bytes, and the limit.
    TooLong(&'static str, usize, usize),
    /// A request exceeds the bytes held for one request: its known size, and the limit.
    RequestLimit(usize, usize),
    /// The larger buffers of all connections are used up: bytes in use, and the limit.
    RequestsLimit(usize, usize),
    /// There is no memory to hold this number of bytes of a request.
    RequestMemory(usize),
    /// A request has too many arguments: their number, and the limit.
    TooManyArguments(usize, usize),
    /// The watches of all connections are used up: the limit.
    WatchLimit(usize),
    /// An inline request has too many words: the limit.
    TooManyWords(usize),
    /// There is no memory for a reply of this number of bytes.
    ReplyMemory(usize),
    /// A resource that exists once is in use.
    Busy(&'static str),
    /// An error of Redis: its text after `ERR`, word for word.
    Redis(&'static str),
    /// An expiry time that a key cannot have; the command is named.
    ExpireTime(&'static str),
    /// An error of Redis with a client's text between two parts, byte for byte.
    Quoted(&'static str, Word, &'static str),
    /// `HELLO` with a version other than 2.
    Protocol,
}

impl Failure {
    /// Writes the error. A client's text may have any bytes; like Redis, the reply repeats them
    /// unchanged.
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

    /// Returns whether the request failed only because a resource is used up at present. `SOFT`
    /// turns such an error into a null.
    #[must_use]
    pub fn is_capacity(&self) -> bool {
        match self {
            Self::Allocate(error, _) => !matches!(error, AllocateError::TooBig { .. }),
            Self::Quota(..) | Self::OverQuota { .. } => true,
            _ => false,
        }
    }
}

/// Formats the line of the reply, from its code on.
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

/// Formats an error of the library with its code.
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
                    // The longest number has 20 digits and fits.
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

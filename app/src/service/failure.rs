//! The errors of requests. This is the only module that turns errors into replies.

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

/// The reason why a request was refused. The request has changed no state, unless a variant says
/// so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// An argument is invalid. The fields are the rule that it breaks and the text of the argument.
    Invalid(&'static str, Word),
    /// An argument is invalid. The field is the complete message.
    Malformed(&'static str),
    /// The value of this option is missing.
    NoValue(Word),
    /// An option that is planned but not implemented.
    NotServed(&'static str),
    /// This option is unknown.
    Option(Word),
    /// The library refuses this request in any state of the window.
    Request(RequestError),
    /// The machine has no such node.
    NoNode {
        /// The requested node.
        node: u32,
        /// The number of nodes.
        limit: u32,
    },
    /// The library refused an allocation. The second field is the size as the client wrote it.
    Allocate(AllocateError, Word),
    /// A region that must not move has no room at its address for this number of pages.
    MustMove(PageCount),
    /// A region of the image itself cannot be resized.
    Mapped(RegionId),
    /// The service cannot hold more objects of a kind. The fields are the kind and the limit.
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
    /// An error of Redis whose text does not begin with `ERR`.
    Plain(&'static str),
    /// The region does not exist. The error contains the id that the client sent.
    NoRegion(RegionError),
    /// The region is being resized, or its protection is being changed. The client may retry the
    /// request.
    Changing(RegionId),
    /// This id belongs to a region that clients cannot use.
    NotUsable(RegionId),
    /// No region has this name.
    NoName(Shown),
    /// A name is longer than the limit. The field is its length in bytes.
    LongName(usize),
    /// A key is longer than the limit, reported in the words of Redis. The field is its length in
    /// bytes.
    LongKey(usize),
    /// The name belongs to another region.
    Exists(RegionName),
    /// The region belongs to another connection.
    NotOwner(RegionId),
    /// The region belongs to the image itself.
    System(RegionId, &'static str),
    /// The request addresses bytes outside the region.
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
    /// A reply is too large. The fields are the limit in bytes and a hint at another command.
    ReplyLimit(usize, &'static str),
    /// A search among the names needs more comparisons than one turn permits. The fields are that
    /// limit and a hint.
    TooManySteps(u64, &'static str),
    /// A text is too long. The fields are its kind, its length in bytes and the limit.
    TooLong(&'static str, usize, usize),
    /// A request is larger than the limit for one request. The fields are its known size and the
    /// limit, in bytes.
    RequestLimit(usize, usize),
    /// The budget for the larger buffers of all connections is used up. The fields are the bytes in
    /// use and the limit.
    RequestsLimit(usize, usize),
    /// There is no memory to hold a request of this number of bytes.
    RequestMemory(usize),
    /// A request has too many arguments. The fields are their number and the limit.
    TooManyArguments(usize, usize),
    /// The connections together cannot watch more keys. The field is the limit.
    WatchLimit(usize),
    /// An inline request has more words than this limit.
    TooManyWords(usize),
    /// There is no memory for a reply of this number of bytes.
    ReplyMemory(usize),
    /// A resource that exists only once is in use.
    Busy(&'static str),
    /// An error of Redis. The field is its exact text after `ERR`.
    Redis(&'static str),
    /// A key cannot have this expiry time. The field is the command.
    ExpireTime(&'static str),
    /// An error of Redis that repeats a client's text between two fixed parts, byte for byte.
    Quoted(&'static str, Word, &'static str),
    /// The client sent `HELLO` with a version other than 2 or 3.
    Protocol,
}

impl Failure {
    /// Writes the error as a reply. Like Redis, the reply repeats a client's text unchanged, so it
    /// may contain any bytes.
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

    /// Returns whether the request failed only because a resource is used up at present. With the
    /// option `SOFT`, such an error becomes a null.
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
        AllocateError::WouldWait { pages_lazy } => {
            write!(f, "NOMEM {pages_lazy} pages need a flush")
        }
        // The library may have further errors in a later version.
        _ => write!(f, "NOMEM {error}"),
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
            // The library may have further errors in a later version.
            _ => Self::Plain("ERR the region was not resized"),
        }
    }
}

impl From<RegionError> for Failure {
    fn from(error: RegionError) -> Self {
        match error {
            RegionError::Changing { id } => Self::Changing(id),
            _ => Self::NoRegion(error),
        }
    }
}

//! The requests of a simulated client.

use std::fmt;

use super::pattern::Pattern;
use crate::resp;

/// The kinds of requests that are counted and measured separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RequestKind {
    /// `VMALLOC`.
    Allocate,
    /// `VREAD`.
    Read,
    /// `VWRITE`.
    Write,
    /// `VREALLOC`.
    Resize,
    /// `VFREE`.
    Free,
    /// Any of these requests for the region of another client.
    Intrude,
}

impl RequestKind {
    /// All kinds, in the order of reports.
    pub(super) const ALL: [Self; 6] =
        [Self::Allocate, Self::Read, Self::Write, Self::Resize, Self::Free, Self::Intrude];

    /// Returns the name of the kind in reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Allocate => "VMALLOC",
            Self::Read => "VREAD",
            Self::Write => "VWRITE",
            Self::Resize => "VREALLOC",
            Self::Free => "VFREE",
            Self::Intrude => "intrusion",
        }
    }
}

/// The kind of an attempt to access the region of another client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    Read,
    Write,
    Free,
    Resize,
}

/// A request. `key` is the number that the client has given to one of its own regions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LoadRequest {
    /// Allocates a region of this size, with or without a name.
    Allocate { size: u64, name: Option<String> },
    /// Reads a part of a region.
    Read { key: u64, offset: u64, length: u64 },
    /// Writes a part of a pattern into a region.
    Write { key: u64, offset: u64, length: u64, pattern: Pattern },
    /// Resizes a region.
    Resize { key: u64, size: u64 },
    /// Frees a region.
    Free { key: u64 },
    /// Tries to access the region of another client.
    Intrude { id: u64, attempt: Attempt },
}

/// The bytes that an attempt tries to write.
const FOREIGN: &str = "\u{1}";

impl LoadRequest {
    /// Returns the kind under which the request is counted.
    pub(super) fn kind(&self) -> RequestKind {
        match self {
            Self::Allocate { .. } => RequestKind::Allocate,
            Self::Read { .. } => RequestKind::Read,
            Self::Write { .. } => RequestKind::Write,
            Self::Resize { .. } => RequestKind::Resize,
            Self::Free { .. } => RequestKind::Free,
            Self::Intrude { .. } => RequestKind::Intrude,
        }
    }

    /// Appends the encoded request. `region` is the id or the name of the client's own region.
    pub(super) fn encode(&self, region: &str, to: &mut Vec<u8>) {
        let text = |number: &u64| number.to_string();
        let words = match self {
            Self::Allocate { size, name: None } => resp::encode(&["VMALLOC", &text(size)]),
            Self::Allocate { size, name: Some(name) } => {
                resp::encode(&["VMALLOC", &text(size), "NAME", name])
            }
            Self::Read { offset, length, .. } => {
                resp::encode(&["VREAD", region, &text(offset), &text(length)])
            }
            Self::Write { offset, length, pattern, .. } => {
                let length = usize::try_from(*length).unwrap_or(0);
                let mut data = Vec::new();
                pattern.append(&mut data, *offset, length);
                resp::encode(&[b"VWRITE", region.as_bytes(), text(offset).as_bytes(), &data])
            }
            Self::Resize { size, .. } => resp::encode(&["VREALLOC", region, &text(size)]),
            Self::Free { .. } => resp::encode(&["VFREE", region]),
            Self::Intrude { id, attempt } => attempt.encode(&text(id)),
        };
        to.extend(words);
    }
}

impl Attempt {
    fn encode(self, id: &str) -> Vec<u8> {
        match self {
            Self::Read => resp::encode(&["VREAD", id, "0", "1"]),
            Self::Write => resp::encode(&["VWRITE", id, "0", FOREIGN]),
            Self::Free => resp::encode(&["VFREE", id]),
            Self::Resize => resp::encode(&["VREALLOC", id, "8192"]),
        }
    }
}

/// Formats the request for the report of a violation.
impl fmt::Display for LoadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allocate { size, name: None } => write!(f, "VMALLOC {size}"),
            Self::Allocate { size, name: Some(name) } => write!(f, "VMALLOC {size} NAME {name}"),
            Self::Read { offset, length, .. } => write!(f, "VREAD … {offset} {length}"),
            Self::Write { offset, length, .. } => write!(f, "VWRITE … {offset} ({length} bytes)"),
            Self::Resize { size, .. } => write!(f, "VREALLOC … {size}"),
            Self::Free { .. } => f.write_str("VFREE …"),
            Self::Intrude { id, attempt } => write!(f, "{attempt:?} of another's region {id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(request: &LoadRequest) -> String {
        let mut bytes = Vec::new();
        request.encode("@r", &mut bytes);
        String::from_utf8_lossy(&bytes).replace("\r\n", " ")
    }

    #[test]
    fn requests_are_those_of_the_service() {
        let named = LoadRequest::Allocate { size: 9, name: Some("n".to_owned()) };
        assert_eq!(sent(&named), "*4 $7 VMALLOC $1 9 $4 NAME $1 n ");
        assert_eq!(
            sent(&LoadRequest::Read { key: 1, offset: 2, length: 3 }),
            "*4 $5 VREAD $2 @r $1 2 $1 3 "
        );
        assert_eq!(sent(&LoadRequest::Resize { key: 1, size: 7 }), "*3 $8 VREALLOC $2 @r $1 7 ");
        let attempt = LoadRequest::Intrude { id: 5, attempt: Attempt::Free };
        assert_eq!(
            (sent(&attempt).as_str(), attempt.kind()),
            ("*2 $5 VFREE $1 5 ", RequestKind::Intrude)
        );
        let pattern = Pattern::new(1, 1, 1);
        let write = LoadRequest::Write { key: 1, offset: 4, length: 3, pattern };
        let mut bytes = Vec::new();
        write.encode("@r", &mut bytes);
        let mut data = Vec::new();
        pattern.append(&mut data, 4, 3);
        assert!(bytes.ends_with(&[b"$3\r\n", &*data, b"\r\n"].concat()));
    }
}

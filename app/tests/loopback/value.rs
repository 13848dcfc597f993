//! A parser of replies that shares no code with the service.

use std::fmt;

/// One reply.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Status(String),
    Error(String),
    Integer(u64),
    Negative(i64),
    Bulk(Vec<u8>),
    Array(Vec<Value>),
    Null,
}

/// Bulk strings are printed as truncated text.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(text) => write!(f, "+{text}"),
            Self::Error(text) => write!(f, "-{text}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Negative(value) => write!(f, "{value}"),
            Self::Bulk(bytes) if bytes.len() > 200 => {
                write!(f, "{:?}... of {}", bytes[..200].escape_ascii().to_string(), bytes.len())
            }
            Self::Bulk(bytes) => write!(f, "{:?}", bytes.escape_ascii().to_string()),
            Self::Array(items) => items.fmt(f),
            Self::Null => f.write_str("null"),
        }
    }
}

impl Value {
    /// Parses one reply at the front and returns it with its length, or `None` if it is not complete.
    pub(crate) fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
        let line = String::from_utf8_lossy(&bytes[1..end]).into_owned();
        let start = end + 2;
        let value = match bytes[0] {
            b'+' => Self::Status(line),
            b'-' => Self::Error(line),
            b'_' => Self::Null,
            b'$' if line == "-1" => Self::Null,
            b'*' if line == "-1" => Self::Null,
            b':' if line.starts_with('-') => Self::Negative(line.parse().unwrap()),
            b':' => Self::Integer(line.parse().unwrap()),
            b'$' | b'=' => {
                let length: usize = line.parse().unwrap();
                let body = bytes.get(start..start + length + 2)?;
                assert_eq!(&body[length..], b"\r\n", "a bulk string ends with its line");
                return Some((Self::Bulk(body[..length].to_vec()), start + length + 2));
            }
            b'*' | b'%' => {
                let mut position = start;
                let mut items = Vec::new();
                let count: usize = line.parse().unwrap();
                for _ in 0..if bytes[0] == b'%' { 2 * count } else { count } {
                    let (item, length) = Self::read(&bytes[position..])?;
                    items.push(item);
                    position += length;
                }
                return Some((Self::Array(items), position));
            }
            other => panic!("a reply begins with {:?}", char::from(other)),
        };
        Some((value, start))
    }

    /// Returns the text of a status, an error or a bulk string.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Status(text) | Self::Error(text) => text.clone(),
            Self::Bulk(bytes) => String::from_utf8(bytes.clone()).unwrap(),
            other => panic!("no text: {other:?}"),
        }
    }

    /// Returns the bytes of a bulk string.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Bulk(bytes) => bytes,
            other => panic!("no bulk string: {other:?}"),
        }
    }

    pub(crate) fn integer(&self) -> u64 {
        match self {
            Self::Integer(value) => *value,
            other => panic!("no integer: {other:?}"),
        }
    }

    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::Array(items) => items,
            other => panic!("no array: {other:?}"),
        }
    }

    /// Returns the value of a name in a flat map.
    pub(crate) fn field(&self, name: &str) -> &Self {
        let mut pairs = self.items().chunks(2);
        let pair = pairs.find(|pair| pair[0] == Self::Bulk(name.into()));
        &pair.unwrap_or_else(|| panic!("no field {name} in {self:?}"))[1]
    }
}

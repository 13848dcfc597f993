//! The replies of RESP2 and RESP3.

/// One reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// `+OK`.
    Status(String),
    /// `-NOMEM need 4096 pages`.
    Error(String),
    /// `:7`.
    Integer(i64),
    /// `$3`, or null.
    Bulk(Option<Vec<u8>>),
    /// `*2`, or null.
    Array(Option<Vec<Self>>),
    /// `_`.
    Null,
    /// `#t` or `#f`.
    Boolean(bool),
    /// `,1.5`, as the server wrote it.
    Double(String),
    /// `(7`: digits, after an optional sign.
    BigNumber(String),
    /// `=8`, without the three letters of its format.
    Verbatim(Vec<u8>),
    /// `%1`.
    Map(Vec<(Self, Self)>),
    /// `~1`.
    Set(Vec<Self>),
    /// `>1`: a message that is not the reply to a command.
    Push(Vec<Self>),
}

impl Reply {
    /// Returns the number after a name, in a reply of names and values.
    pub(crate) fn entry(&self, name: &str) -> Option<u64> {
        let Self::Array(Some(items)) = self else { return None };
        let value = items.chunks_exact(2).find_map(|pair| match pair {
            [Self::Bulk(Some(key)), Self::Integer(value)] if key == name.as_bytes() => Some(*value),
            _ => None,
        });
        value.and_then(|value| u64::try_from(value).ok())
    }

    /// Returns whether the reply has items.
    pub(super) fn is_aggregate(&self) -> bool {
        matches!(self, Self::Array(_) | Self::Map(_) | Self::Set(_) | Self::Push(_))
    }

    /// Returns whether the server refused the command.
    pub(crate) fn is_error(&self) -> bool {
        matches!(self, Self::Error(_))
    }
}

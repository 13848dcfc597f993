//! Converts errors to the wording of a command's group.
//!
//! Commands on regions have their own codes (`INVAL`, `NOMEM`, `QUOTA`, …). Commands on string keys
//! and connections use an error of Redis if Redis has one for the case, because client libraries
//! know these errors.

use vmalloc::AllocateError;

use super::Failure;
use crate::service::catalog::Group;

/// Redis's error for a lack of memory, addresses, names or quota.
const OUT_OF_MEMORY: &str = "OOM command not allowed when used memory > 'maxmemory'.";

/// The error for a value larger than any value may be.
pub(in crate::service) const TOO_LARGE: Failure =
    Failure::Redis("string exceeds maximum allowed size (proto-max-bulk-len)");

impl Failure {
    /// Converts the failure to the wording of a group of commands.
    pub(in crate::service) fn in_words_of(self, group: Group) -> Self {
        match group {
            Group::Region | Group::Report => self,
            Group::Key | Group::Connection | Group::Transaction => self.in_words_of_redis(),
        }
    }

    fn in_words_of_redis(self) -> Self {
        match self {
            Self::Allocate(AllocateError::TooBig { .. }, _) | Self::Request(_) => TOO_LARGE,
            Self::Allocate(..)
            | Self::MustMove(_)
            | Self::Quota(..)
            | Self::OverQuota { .. }
            | Self::ReplyMemory(_) => Self::Plain(OUT_OF_MEMORY),
            // Redis has no errors for these cases.
            Self::Invalid(..)
            | Self::Malformed(_)
            | Self::NoValue(_)
            | Self::NotServed(_)
            | Self::Option(_)
            | Self::NoNode { .. }
            | Self::Mapped(_)
            | Self::Wx
            | Self::NoRegion(_)
            | Self::Changing(_)
            | Self::NotUsable(_)
            | Self::NoName(_)
            | Self::LongName(_)
            | Self::Exists(_)
            | Self::NotOwner(_)
            | Self::System(..)
            | Self::Range { .. }
            | Self::Fault { .. }
            | Self::ReplyLimit(..)
            | Self::RequestLimit(..)
            | Self::RequestsLimit(..)
            | Self::RequestMemory(_)
            | Self::TooManyArguments(..)
            | Self::TooManySteps(..)
            | Self::TooManyWords(_)
            | Self::WatchLimit(_)
            | Self::Busy(_) => self,
            // These errors already have the wording of Redis.
            Self::Plain(_)
            | Self::Redis(_)
            | Self::Quoted(..)
            | Self::ExpireTime(_)
            | Self::LongKey(_)
            | Self::TooLong(..)
            | Self::Protocol => self,
        }
    }
}

//! The error for one word of the command line.

use core::fmt;
use core::net::Ipv4Addr;

use super::text;

/// A word of the command line that was refused and has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error<'a> {
    /// The part of the word before the `=`, or the whole word if it has no `=`.
    pub key: &'a str,
    /// The part of the word after the `=`.
    pub value: &'a str,
    /// The reason why the word is refused.
    pub reason: Reason,
}

/// The reason why a word is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The key does not exist.
    UnknownKey,
    /// The word has no `=`.
    NoValue,
    /// The value is not a plain decimal number.
    NotNumber,
    /// The number is below its minimum.
    BelowMin {
        /// The smallest value that is accepted.
        min: usize,
    },
    /// The number is below its minimum, and is not 0, which has a meaning of its own for this key.
    BelowMinNotZero {
        /// The smallest value that is accepted, except for 0.
        min: usize,
    },
    /// The number is above its maximum.
    AboveMax {
        /// The greatest value that is accepted.
        max: usize,
    },
    /// The value is not an address.
    NotAddress,
    /// The address cannot belong to a machine.
    NotHost(Ipv4Addr),
    /// The machine cannot send through the gateway.
    NotGateway(Ipv4Addr),
    /// The value is not a log level.
    NotLevel,
    /// The value is not one of the words that the key accepts.
    NotWord {
        /// The words that are accepted.
        words: &'static [&'static str],
    },
    /// The text is longer than [`text::TEXT_BYTES_MAX`].
    TooLong,
}

impl fmt::Display for Error<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, reason } = self;
        match reason {
            Reason::UnknownKey => write!(f, "unknown key {key}"),
            Reason::NoValue => write!(f, "{key} has no value, write {key}=…"),
            Reason::NotNumber => write!(f, "{key}={value} is not a decimal number"),
            Reason::BelowMin { min } => write!(f, "{key}={value} is below {min}"),
            Reason::BelowMinNotZero { min } => {
                write!(f, "{key}={value} is neither 0 nor at least {min}")
            }
            Reason::AboveMax { max } => write!(f, "{key}={value} is above {max}"),
            Reason::NotAddress => {
                write!(f, "{key}={value} is neither dhcp nor A.B.C.D/PREFIX[,GATEWAY]")
            }
            Reason::NotHost(address) => write!(
                f,
                "{key}={value}: no machine can have the address {address}, which must be in 1.0.0.0 to \
                 223.255.255.255 without 127.0.0.0/8, and neither the first nor the last of its network \
                 (but /31 and /32)"
            ),
            Reason::NotGateway(gateway) => write!(
                f,
                "{key}={value}: the gateway {gateway} is not another machine of the address's network \
                 (with /32: any other address of a machine)"
            ),
            Reason::NotLevel => {
                write!(f, "{key}={value} is not one of off, error, warn, info, debug, trace")
            }
            Reason::NotWord { words } => {
                write!(f, "{key}={value} is not one of ")?;
                words.iter().enumerate().try_for_each(|(index, word)| {
                    let separator = if index == 0 { "" } else { ", " };
                    write!(f, "{separator}{word}")
                })
            }
            Reason::TooLong => {
                write!(f, "{key}={value} is longer than {} bytes", text::TEXT_BYTES_MAX)
            }
        }
    }
}

impl core::error::Error for Error<'_> {}

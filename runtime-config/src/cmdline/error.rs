//! What can be wrong with one word of the command line.

use core::fmt;
use core::net::Ipv4Addr;

use super::text;

/// A word that was not understood; it changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error<'a> {
    /// The part before the `=`, or the whole word.
    pub key: &'a str,
    /// The part behind the `=`.
    pub value: &'a str,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong with a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no such key.
    UnknownKey,
    /// The word has no `=`.
    NoValue,
    /// The value is no plain decimal number.
    NotNumber,
    /// The number is below its limit.
    BelowMin {
        /// The least value that is taken.
        min: usize,
    },
    /// The number is below its limit, and not 0, which has a meaning of its own.
    BelowMinNotZero {
        /// The least value that is taken beside 0.
        min: usize,
    },
    /// The number is above its limit.
    AboveMax {
        /// The greatest value that is taken.
        max: usize,
    },
    /// The value is no address.
    NotAddress,
    /// The address of the value is one that no machine can have.
    NotHost(Ipv4Addr),
    /// The gateway of the value is one that the machine cannot send through.
    NotGateway(Ipv4Addr),
    /// The value is no log level.
    NotLevel,
    /// The value is none of a few words.
    NotWord {
        /// Those that are taken.
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

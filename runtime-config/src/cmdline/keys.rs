//! The table of keys. Each key has functions that read and write its field of a [`Config`].

use core::fmt;

use super::address::{BadAddress, IpConfig};
use super::choice::{Flush, Frames, Pools, Realloc};
use super::config::Config;
use super::error::{Error, Reason};
use super::text::Text;
use crate::console::LogLevel;
use crate::limits;

/// A key of the command line.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The word before the `=`.
    pub name: &'static str,
    /// The description of the key in help texts, one clause.
    pub docs: &'static str,
    /// The values that the key accepts, and the field that stores the value.
    pub kind: Kind,
}

/// The kind of values that a key accepts.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `dhcp` or a static address, stored in [`Config::ip`].
    Ip,
    /// A log level, stored in [`Config::log`].
    Level,
    /// A short text.
    Text {
        /// Whether the value is secret and never shown to clients.
        is_secret: bool,
        /// Reads the field.
        read: fn(&Config) -> Text,
        /// Writes the field.
        write: fn(&mut Config, Text),
    },
    /// One of a few words.
    Choice {
        /// The words that are accepted.
        words: &'static [&'static str],
        /// Reads the field. Returns the index of its value in `words`.
        read: fn(&Config) -> usize,
        /// Writes the field. The argument must be an index of `words`.
        write: fn(&mut Config, usize),
    },
    /// A plain decimal number within bounds.
    Number {
        /// Whether 0 is accepted even if it is below the minimum.
        or_zero: bool,
        /// The smallest value that is accepted.
        min: usize,
        /// The greatest value that is accepted.
        max: usize,
        /// Reads the field.
        read: fn(&Config) -> usize,
        /// Writes the field. The argument must be within the bounds.
        write: fn(&mut Config, usize),
    },
}

/// The value of one key. `Display` writes it in the form of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// The value of `ip`.
    Ip(IpConfig),
    /// The value of `log`.
    Level(LogLevel),
    /// The value of a text key.
    Text(Text),
    /// The value of a key that accepts one of a few words.
    Word(&'static str),
    /// The value of a numeric key.
    Number(usize),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Level(level) => level.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Word(word) => f.write_str(word),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// All keys, in the order in which the command line and the help text list them.
pub const KEYS: &[Key] = &[
    Key { name: "ip", docs: "dhcp, or a static A.B.C.D/PREFIX[,GATEWAY]", kind: Kind::Ip },
    Key {
        name: "resp",
        docs: "TCP port of the RESP service",
        kind: Kind::Number {
            or_zero: false,
            min: 1,
            max: 65_535,
            read: |config| usize::from(config.resp_port),
            // The bounds above are those of `u16`, so the conversion cannot fail.
            write: |config, port| config.resp_port = u16::try_from(port).unwrap_or(u16::MAX),
        },
    },
    Key {
        name: "http",
        docs: "TCP port of the HTTP reports, 0 for none",
        kind: Kind::Number {
            or_zero: false,
            min: 0,
            max: 65_535,
            read: |config| usize::from(config.http_port),
            write: |config, port| config.http_port = u16::try_from(port).unwrap_or(u16::MAX),
        },
    },
    Key {
        name: "mtu",
        docs: "bytes of the longest IP packet, 0 for the MTU of the device",
        kind: Kind::Number {
            or_zero: true,
            min: limits::MTU_BYTES_MIN,
            max: limits::MTU_BYTES_MAX,
            read: |config| config.mtu_bytes,
            write: |config, bytes| config.mtu_bytes = bytes,
        },
    },
    Key { name: "log", docs: "off, error, warn, info, debug or trace", kind: Kind::Level },
    Key {
        name: "window",
        docs: "size of the address window of regions in bytes",
        kind: Kind::Number {
            or_zero: false,
            min: limits::WINDOW_BYTES_MIN,
            max: limits::WINDOW_BYTES_MAX,
            read: |config| config.window_bytes,
            write: |config, bytes| config.window_bytes = bytes,
        },
    },
    Key {
        name: "clients",
        docs: "concurrent clients",
        kind: Kind::Number {
            or_zero: false,
            min: limits::CLIENTS_MIN,
            max: limits::CLIENTS_MAX,
            read: |config| config.clients,
            write: |config, count| config.clients = count,
        },
    },
    Key {
        name: "tcp-keepalive",
        docs: "seconds of silence after which a client is probed, 0 for never",
        kind: Kind::Number {
            or_zero: false,
            min: 0,
            max: limits::KEEPALIVE_SECONDS_MAX,
            read: |config| config.keepalive_seconds,
            write: |config, seconds| config.keepalive_seconds = seconds,
        },
    },
    Key {
        name: "regions",
        docs: "concurrent regions, 0 for as many as the memory can hold",
        kind: Kind::Number {
            or_zero: true,
            min: limits::REGIONS_MIN,
            max: limits::REGIONS_MAX,
            read: |config| config.regions,
            write: |config, count| config.regions = count,
        },
    },
    Key {
        name: "names",
        docs: "concurrent named regions",
        kind: Kind::Number {
            or_zero: false,
            min: limits::NAMES_MIN,
            max: limits::NAMES_MAX,
            read: |config| config.names,
            write: |config, count| config.names = count,
        },
    },
    Key {
        name: "quota.regions",
        docs: "regions of one connection, 0 for no limit",
        kind: Kind::Number {
            or_zero: false,
            min: 0,
            max: limits::REGIONS_MAX,
            read: |config| config.quota_regions,
            write: |config, count| config.quota_regions = count,
        },
    },
    Key {
        name: "quota.bytes",
        docs: "bytes of one connection's regions, 0 for no limit",
        kind: Kind::Number {
            or_zero: false,
            min: 0,
            max: limits::QUOTA_BYTES_MAX,
            read: |config| config.quota_bytes,
            write: |config, bytes| config.quota_bytes = bytes,
        },
    },
    Key {
        name: "quota.named",
        docs: "bytes of all regions with a name, 0 for no limit",
        kind: Kind::Number {
            or_zero: false,
            min: 0,
            max: limits::QUOTA_BYTES_MAX,
            read: |config| config.quota_named,
            write: |config, bytes| config.quota_named = bytes,
        },
    },
    Key {
        name: "requirepass",
        docs: "password that clients must send with AUTH before they are served",
        kind: Kind::Text {
            is_secret: true,
            read: |config| config.password,
            write: |config, text| config.password = text,
        },
    },
    Key {
        name: "bulk",
        docs: "longest bulk string of a request in bytes",
        kind: Kind::Number {
            or_zero: false,
            min: limits::BULK_BYTES_MIN,
            max: limits::BULK_BYTES_MAX,
            read: |config| config.bulk_bytes,
            write: |config, bytes| config.bulk_bytes = bytes,
        },
    },
    Key {
        name: "inline",
        docs: "longest inline request in bytes",
        kind: Kind::Number {
            or_zero: false,
            min: limits::INLINE_BYTES_MIN,
            max: limits::INLINE_BYTES_MAX,
            read: |config| config.inline_bytes,
            write: |config, bytes| config.inline_bytes = bytes,
        },
    },
    Key {
        name: "args",
        docs: "arguments of one request",
        kind: Kind::Number {
            or_zero: false,
            min: limits::ARGUMENTS_MIN,
            max: limits::ARGUMENTS_MAX,
            read: |config| config.arguments,
            write: |config, count| config.arguments = count,
        },
    },
    Key {
        name: "output",
        docs: "unsent reply bytes of one client",
        kind: Kind::Number {
            or_zero: false,
            min: limits::OUTPUT_BYTES_MIN,
            max: limits::OUTPUT_BYTES_MAX,
            read: |config| config.output_bytes,
            write: |config, bytes| config.output_bytes = bytes,
        },
    },
    Key {
        name: "reserve",
        docs: "frames that no client can take, 0 for automatic",
        kind: Kind::Number {
            or_zero: false,
            min: 0,
            max: limits::RESERVE_FRAMES_MAX,
            read: |config| config.reserve_frames,
            write: |config, count| config.reserve_frames = count,
        },
    },
    Key {
        name: "vm.flush",
        docs: "lazy lets many frees share a flush, eager flushes at every free",
        kind: Kind::Choice {
            words: &["lazy", "eager"],
            read: |config| config.flush as usize,
            write: |config, word| config.flush = [Flush::Lazy, Flush::Eager][word],
        },
    },
    Key {
        name: "vm.frames",
        docs: "strict reuses frames after the flush, linux at once",
        kind: Kind::Choice {
            words: &["strict", "linux"],
            read: |config| config.frames as usize,
            write: |config, word| config.frames = [Frames::Strict, Frames::Linux][word],
        },
    },
    Key {
        name: "vm.realloc",
        docs: "move moves page-table entries, copy copies bytes",
        kind: Kind::Choice {
            words: &["move", "copy"],
            read: |config| config.realloc as usize,
            write: |config, word| config.realloc = [Realloc::Move, Realloc::Copy][word],
        },
    },
    Key {
        name: "vm.pools",
        docs: "on keeps freed areas by size, off gives all to the tree",
        kind: Kind::Choice {
            words: &["on", "off"],
            read: |config| config.pools as usize,
            write: |config, word| config.pools = [Pools::On, Pools::Off][word],
        },
    },
    Key {
        name: "selftest",
        docs: "part of the names of the tests that a self-test image runs",
        kind: Kind::Text {
            is_secret: false,
            read: |config| config.selftest,
            write: |config, text| config.selftest = text,
        },
    },
    Key {
        name: "selftest.seconds",
        docs: "seconds of its test for stale translations, 0 for a number of rounds",
        kind: Kind::Number {
            or_zero: false,
            min: 0,
            max: limits::SELFTEST_SECONDS_MAX,
            read: |config| config.selftest_seconds,
            write: |config, seconds| config.selftest_seconds = seconds,
        },
    },
];

impl Key {
    /// Finds a key by its name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// Returns whether the value of the key is secret and never shown to clients.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Text { is_secret: true, .. })
    }

    /// Returns the value of this key in `config`.
    #[must_use]
    pub fn value(&self, config: &Config) -> Value {
        match self.kind {
            Kind::Ip => Value::Ip(config.ip),
            Kind::Level => Value::Level(config.log),
            Kind::Text { read, .. } => Value::Text(read(config)),
            Kind::Choice { words, read, .. } => Value::Word(words[read(config)]),
            Kind::Number { read, .. } => Value::Number(read(config)),
        }
    }

    fn set(&self, config: &mut Config, text: &str) -> Result<(), Reason> {
        match self.kind {
            Kind::Ip => set_ip(config, text)?,
            Kind::Level => config.log = text.parse().map_err(|_| Reason::NotLevel)?,
            Kind::Text { write, .. } => {
                write(config, Text::from_text(text).ok_or(Reason::TooLong)?);
            }
            Kind::Choice { words, write, .. } => {
                let index = words.iter().position(|word| *word == text);
                write(config, index.ok_or(Reason::NotWord { words })?);
            }
            Kind::Number { or_zero, min, max, write, .. } => {
                write(config, parse_number(text, or_zero, min, max)?);
            }
        }
        Ok(())
    }
}

/// Sets [`Config::ip`]. If the gateway cannot be used, sets the address without the gateway: the machine is
/// then reachable at least from its own network.
fn set_ip(config: &mut Config, text: &str) -> Result<(), Reason> {
    match text.parse() {
        Ok(ip) => config.ip = ip,
        Err(BadAddress::Malformed) => return Err(Reason::NotAddress),
        Err(BadAddress::NotHost(address)) => return Err(Reason::NotHost(address)),
        Err(BadAddress::NotGateway { gateway, without }) => {
            config.ip = without;
            return Err(Reason::NotGateway(gateway));
        }
    }
    Ok(())
}

/// Applies one word to a configuration. On `Err`, the configuration is unchanged, with one exception: the
/// address of an `ip=` whose gateway cannot be used is set without the gateway.
pub(super) fn apply<'a>(config: &mut Config, word: &'a str) -> Result<(), Error<'a>> {
    let (name, text) = word.split_once('=').unwrap_or((word, ""));
    let error = |reason| Error { key: name, value: text, reason };
    let key = Key::find(name).ok_or_else(|| error(Reason::UnknownKey))?;
    if name.len() == word.len() {
        return Err(error(Reason::NoValue));
    }
    key.set(config, text).map_err(error)
}

/// Parses a number of decimal digits only, without sign or suffix.
fn parse_number(text: &str, or_zero: bool, min: usize, max: usize) -> Result<usize, Reason> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Reason::NotNumber);
    }
    // A number that does not fit into a `usize` is above every maximum.
    let number = text.parse().map_err(|_| Reason::AboveMax { max })?;
    match number {
        0 if or_zero => Ok(0),
        _ if number < min && or_zero => Err(Reason::BelowMinNotZero { min }),
        _ if number < min => Err(Reason::BelowMin { min }),
        _ if number > max => Err(Reason::AboveMax { max }),
        _ => Ok(number),
    }
}

//! The settings that a server is started with.

use super::topology::{GUEST, HOST};

/// Properties of a device that does not segment.
pub(super) const UNCUT: &str = ",host_tso4=off";
/// The settings of a server.
#[derive(Clone, Debug)]
pub(super) struct Boot {
    /// The address words of the kernel command line; empty for DHCP.
    pub(super) address: String,
    /// Other words of the kernel command line.
    pub(super) line: &'static str,
    /// Further properties of the network device.
    pub(super) card: &'static str,
    /// Whether the start waits for the first PONG.
    pub(super) waits: bool,
    /// Whether the device is a port of a bridge, beside other devices.
    pub(super) is_bridged: bool,
}

impl Boot {
    /// Makes the default settings: a static address, with the near network as the router.
    pub(super) fn plain() -> Self {
        let address = format!("ip={GUEST}/24,{HOST}");
        Self { address, line: "", card: "", waits: true, is_bridged: false }
    }

    /// Returns the same with words of the kernel command line.
    pub(super) fn line(self, line: &'static str) -> Self {
        Self { line, ..self }
    }

    /// Returns the same with properties of the network device.
    pub(super) fn card(self, card: &'static str) -> Self {
        Self { card, ..self }
    }

    /// Returns the same with other address words, and without waiting for a PONG.
    pub(super) fn address(self, words: &str) -> Self {
        Self { address: words.to_owned(), waits: false, ..self }
    }

    /// Returns the same with a device on which every segment is visible as on a cable.
    pub(super) fn uncut(self) -> Self {
        self.card(UNCUT)
    }

    /// Returns the same as a port of a bridge.
    pub(super) fn bridged(self) -> Self {
        Self { is_bridged: true, ..self }
    }
}

/// Returns the value of a word of a kernel command line.
pub(super) fn word_of<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.split(' ').find_map(|word| word.strip_prefix(key))
}

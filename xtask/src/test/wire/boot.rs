//! The settings with which a server is started.

use super::topology::{GUEST, HOST};

/// Properties of a network device that does not segment packets.
pub(super) const UNCUT: &str = ",host_tso4=off";
/// The settings with which a server is started.
#[derive(Clone, Debug)]
pub(super) struct Boot {
    /// The words of the kernel command line that set the address. Empty for DHCP.
    pub(super) address: String,
    /// Other words of the kernel command line.
    pub(super) line: &'static str,
    /// Further properties of the network device.
    pub(super) card: &'static str,
    /// Whether the start waits for the first PONG.
    pub(super) waits: bool,
    /// Whether the server's device is a port of a bridge, next to other devices.
    pub(super) is_bridged: bool,
}

impl Boot {
    /// Returns the default settings: a static address, and the near network as the router.
    pub(super) fn plain() -> Self {
        let address = format!("ip={GUEST}/24,{HOST}");
        Self { address, line: "", card: "", waits: true, is_bridged: false }
    }

    /// Returns the settings with these words of the kernel command line.
    pub(super) fn line(self, line: &'static str) -> Self {
        Self { line, ..self }
    }

    /// Returns the settings with these properties of the network device.
    pub(super) fn card(self, card: &'static str) -> Self {
        Self { card, ..self }
    }

    /// Returns the settings with other words for the address, and without waiting for a PONG.
    pub(super) fn address(self, words: &str) -> Self {
        Self { address: words.to_owned(), waits: false, ..self }
    }

    /// Returns the settings with a device on which each segment is a separate packet, as on a cable.
    pub(super) fn uncut(self) -> Self {
        self.card(UNCUT)
    }

    /// Returns the settings with the server's device as a port of a bridge.
    pub(super) fn bridged(self) -> Self {
        Self { is_bridged: true, ..self }
    }
}

/// Returns the value of the word `key` in a kernel command line.
pub(super) fn word_of<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.split(' ').find_map(|word| word.strip_prefix(key))
}

//! Writes a configuration as a command line.

use core::fmt;

use super::config::Config;
use super::keys::KEYS;

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for key in KEYS {
            let value = key.value(self);
            if value != key.value(&Self::DEFAULT) {
                write!(f, "{separator}{}={value}", key.name)?;
                separator = " ";
            }
        }
        Ok(())
    }
}

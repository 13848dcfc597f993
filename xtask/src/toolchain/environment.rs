//! What a cargo that the tool starts may know of the cargo that started the tool.

use std::ffi::OsString;
use std::process::Command;

use super::origin::Origin;

/// A person's settings; everything else that begins with `CARGO` belongs to the outer call.
const KEPT: &[&str] =
    &["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_TERM_", "CARGO_SOURCE_"];

/// The cargo that started the tool.
pub(super) fn active_cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Takes from a command everything that would steer a build for another target.
pub(super) fn scrub(command: &mut Command, origin: Origin) {
    for (name, _) in std::env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        if steers(text, origin) {
            command.env_remove(&name);
        }
    }
}

fn steers(name: &str, origin: Origin) -> bool {
    match name {
        "RUSTFLAGS" | "RUSTDOCFLAGS" | "LD_LIBRARY_PATH" | "RUSTC_BOOTSTRAP" => true,
        // The active compiler stays the one that was chosen for the tool.
        "RUSTUP_TOOLCHAIN" | "RUSTC" | "RUSTDOC" => origin == Origin::Debian,
        _ if name.starts_with("RUSTC_") => true,
        _ => name.starts_with("CARGO") && !KEPT.iter().any(|kept| name.starts_with(kept)),
    }
}

/// Takes from a command what the outer cargo said about the crate of the tool.
pub(super) fn scrub_crate(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outer_call_does_not_leak() {
        for name in ["CARGO", "CARGO_TARGET_DIR", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER"] {
            assert!(steers(name, Origin::Active), "{name}");
            assert!(steers(name, Origin::Debian), "{name}");
        }
        assert!(steers("RUSTUP_TOOLCHAIN", Origin::Debian));
        assert!(!steers("RUSTUP_TOOLCHAIN", Origin::Active));
    }

    #[test]
    fn settings_of_the_person_stay() {
        for name in ["CARGO_HOME", "CARGO_HTTP_PROXY", "CARGO_NET_OFFLINE", "PATH", "HOME"] {
            assert!(!steers(name, Origin::Debian), "{name}");
        }
    }
}

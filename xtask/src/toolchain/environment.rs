//! The environment of a cargo that the tool starts. It must not contain the settings of the cargo that
//! started the tool.

use std::ffi::OsString;
use std::process::Command;

use super::origin::Origin;

/// Variables of the user that are kept. All other variables that begin with `CARGO` were set by the outer
/// cargo.
const KEPT: &[&str] =
    &["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_TERM_", "CARGO_SOURCE_"];

/// Returns the cargo that started the tool.
pub(super) fn active_cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Removes every variable that would affect a build for another target from a command.
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
        // For these variables the user has chosen the active compiler.
        "RUSTUP_TOOLCHAIN" | "RUSTC" | "RUSTDOC" => origin == Origin::Debian,
        _ if name.starts_with("RUSTC_") => true,
        _ => name.starts_with("CARGO") && !KEPT.iter().any(|kept| name.starts_with(kept)),
    }
}

/// Removes the variables with which the outer cargo describes the crate of the tool from a command.
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
    fn settings_of_the_user_stay() {
        for name in ["CARGO_HOME", "CARGO_HTTP_PROXY", "CARGO_NET_OFFLINE", "PATH", "HOME"] {
            assert!(!steers(name, Origin::Debian), "{name}");
        }
    }
}

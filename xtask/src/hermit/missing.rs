//! The error of a package that cargo cannot fetch, with advice for a person.

use crate::exit::{self, Cause};

/// Makes the error of a package or dependency that cargo cannot fetch.
pub(super) fn error(what: &str, stderr: &[u8]) -> anyhow::Error {
    let reason = String::from_utf8_lossy(stderr);
    let reason = reason.trim();
    let cargo_home = std::env::var("CARGO_HOME").unwrap_or_else(|_| "~/.cargo".to_owned());
    let advice = advice(reason, &cargo_home).map(|text| format!("\n{text}")).unwrap_or_default();
    let message = format!(
        "cargo cannot fetch {what}, which --runtime hermit needs once; --runtime bare needs no \
         kernel. cargo says:\n{reason}{advice}"
    );
    exit::failure(Cause::Missing, message)
}

/// Returns the advice for a package that was downloaded but is damaged.
fn advice(reason: &str, cargo_home: &str) -> Option<String> {
    let package = reason.split_once("failed to unpack package `")?.1.split_once('`')?.0;
    let (name, version) = package.split(" (").next()?.split_once(" v")?;
    Some(format!(
        "Remove {cargo_home}/registry/cache/*/{name}-{version}.crate: cargo downloads it again."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_download_is_named() {
        let reason = "error: failed to download `hermit-sync v0.1.6`\n\nCaused by:\n  \
                      failed to unpack package `hermit-sync v0.1.6 (registry `x`)`\n";
        for reason in [reason, &reason.replace(" (registry `x`)", "")] {
            let advice = advice(reason, "/home").unwrap();
            assert!(
                advice.contains(" /home/registry/cache/*/hermit-sync-0.1.6.crate:"),
                "{advice}"
            );
        }
        assert_eq!(advice("error: no network", "/home"), None);
    }
}

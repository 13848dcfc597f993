//! The source of the image's compiler, by the state of rustup and of the package manager.

use super::*;
use crate::exit::{self, Cause};
use crate::provision::fake::Fake;

const MSRV: u32 = 91;

fn compilers(version: &str) -> String {
    PACKAGES.iter().map(|package| format!("{package} {version}\n")).collect()
}

const OLD: &str = "1.85.0+dfsg3-1~deb12u3";
const NEW: &str = "1.96.0+dfsg1-1~deb12u2";

fn refused(fake: &Fake, texts: &[&str]) {
    let error = install_on(Apt::new(fake.host()), MSRV, true).unwrap_err();
    assert_eq!(exit::cause_of(&error), Some(Cause::Missing));
    let message = error.to_string();
    for text in texts {
        assert!(message.contains(text), "no {text:?} in:\n{message}");
    }
}

#[test]
fn old_lists_and_no_lists_are_replaced_before_anything_is_refused() {
    for lists in [String::new(), compilers(OLD), compilers(NEW)] {
        let fake = Fake::new(&lists, &compilers(NEW));
        install_on(Apt::new(fake.host()), MSRV, true).unwrap();
        assert_eq!(fake.installed().lines().collect::<Vec<_>>(), PACKAGES);
    }
}

#[test]
fn old_lists_without_network_are_refused_with_all_attempts() {
    let fake = Fake::new(&compilers(OLD), &compilers(NEW)).state("offline", "");
    refused(
        &fake,
        &[
            "the image needs rustc 1.91 or later",
            "rustup target add x86_64-unknown-none: rustup is not installed",
            "apt-get update: exit status: 100: Failed to fetch",
            "rustc-web: the package lists offer 1.85.0+dfsg3-1~deb12u3, 1.91 is needed",
            "rustup component add rust-src",
            "apt-get update && apt-get install --no-install-recommends rustc-web cargo-web",
        ],
    );
    assert_eq!(fake.installed(), "");
}

#[test]
fn an_archive_that_is_too_old_or_has_none_is_refused() {
    refused(&Fake::new("", &compilers(OLD)), &["apt-get update: done", "offer 1.85"]);
    refused(&Fake::new("", ""), &["rustc-web: the package lists do not have it"]);
    refused(&Fake::new("", "").without("apt-get"), &["apt-get: not on this host"]);
}

#[test]
fn rustup_comes_first_and_its_error_is_reported() {
    let fake = Fake::new("", "");
    fake.program("rustup", "#!/bin/sh\nexit 0\n");
    install_on(Apt::new(fake.host()), MSRV, true).unwrap();
    assert_eq!(fake.calls(), "");
    fake.program("rustup", "#!/bin/sh\necho info: x >&2\necho error: offline >&2\nexit 1\n");
    refused(&fake, &["rustup target add x86_64-unknown-none: exit status: 1: error: offline"]);
    let error = install_on(Apt::new(fake.host()), MSRV, false).unwrap_err().to_string();
    assert!(error.contains("not tried, RUSTUP_AUTO_INSTALL is 0"), "{error}");
}

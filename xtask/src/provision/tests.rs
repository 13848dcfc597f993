//! The states of a package manager that provisioning must handle.

use std::time::Duration;

use super::fake::Fake;
use super::*;
use crate::exit::{self, Cause};

const HERE: &str = "passt 0.1\nredis-tools 7.0\n";
const WANTED: [&str; 2] = ["passt", "redis-tools"];

fn install(fake: &Fake, removals: Removals) -> Result<(), String> {
    Apt::new(fake.host()).install(&WANTED, "a test", removals).map_err(|error| {
        assert_eq!(exit::cause_of(&error), Some(Cause::Missing), "{error:#}");
        error.to_string()
    })
}

/// Installs without removals, and expects a refusal that contains all these texts.
fn refused(fake: &Fake, texts: &[&str]) -> String {
    let message = install(fake, Removals::Refused).unwrap_err();
    for text in texts {
        assert!(message.contains(text), "no {text:?} in:\n{message}");
    }
    message
}

const UPDATE_FAILED: &str =
    "apt-get update: exit status: 100: Failed to fetch http://archive.example";
const COMMANDS: &str =
    "apt-get update && apt-get install --no-install-recommends passt redis-tools";

#[test]
fn a_host_without_lists_fetches_them() {
    let fake = Fake::new("", HERE);
    install(&fake, Removals::Refused).unwrap();
    assert_eq!(fake.installed(), "passt\nredis-tools\n");
}

#[test]
fn good_lists_are_used_if_new_ones_cannot_be_fetched() {
    let fake = Fake::new(HERE, HERE).state("offline", "").state("cached", "");
    install(&fake, Removals::Refused).unwrap();
    assert_eq!(fake.installed(), "passt\nredis-tools\n");
}

#[test]
fn a_host_without_network_reports_that_the_lists_could_not_be_fetched() {
    for lists in ["", HERE] {
        let fake = Fake::new(lists, HERE).state("offline", "");
        refused(&fake, &["passt redis-tools cannot be installed", UPDATE_FAILED, COMMANDS]);
        assert_eq!(fake.installed(), "");
    }
}

#[test]
fn held_packages_are_named_with_the_command_that_frees_them() {
    // The last two were observed on Debian 12: the package itself is on hold, or one that depends on it.
    for complaint in [
        "Unable to correct problems, you have held broken packages.",
        "Held packages were changed and -y was used without --allow-change-held-packages.",
        "Error, pkgProblemResolver::Resolve generated breaks, this may be caused by held packages.",
    ] {
        let held = "libssl3\nqemu-utils\n";
        let fake = Fake::new(HERE, HERE).state("held", held).state("complaint", complaint);
        let command = format!("apt-mark unhold libssl3 qemu-utils && {COMMANDS}");
        refused(&fake, &["are held: libssl3 qemu-utils", complaint, &command]);
    }
}

#[test]
fn a_lock_is_waited_for() {
    let fake = Fake::new("", HERE).state("locked", "5");
    install(&fake, Removals::Refused).unwrap();
    let calls = fake.calls();
    assert_eq!(calls.lines().filter(|line| line.ends_with(" update")).count(), 6, "{calls}");
}

#[test]
fn a_permanent_lock_fails_and_its_holder_is_named() {
    let fake = Fake::new(HERE, HERE).state("locked", "1000000").lock_limit(Duration::ZERO);
    let lists = "waited 0 s for another package manager: Could not get lock /var/lib/apt/lists/lock. \
                 It is held by process 4242 (unattended-upgr)";
    refused(&fake, &[lists, "lock /var/lib/dpkg/lock-frontend", COMMANDS]);
}

#[test]
fn an_ordinary_user_needs_sudo() {
    let fake = Fake::new("", HERE).user(true);
    install(&fake, Removals::Refused).unwrap();
    assert_eq!(fake.installed(), "passt\nredis-tools\n");
    let fake = Fake::new(HERE, HERE).user(true).without("sudo");
    refused(&fake, &["needs root, and there is no sudo", "sudo apt-get update && sudo apt-get"]);
}

#[test]
fn sudo_does_not_ask_without_a_terminal() {
    let fake = Fake::new("", HERE).user(false);
    install(&fake, Removals::Refused).unwrap();
    assert_eq!(fake.installed(), "passt\nredis-tools\n");
    let fake = Fake::new(HERE, HERE).user(false).state("password", "");
    refused(&fake, &["sudo: a password is required", "sudo apt-get update && sudo apt-get"]);
}

#[test]
fn conflicting_packages_are_removed_only_if_allowed() {
    let fake = Fake::new("", HERE).state("conflicts", "valkey-tools\n");
    refused(&fake, &["would remove valkey-tools", "apt-get update: done", COMMANDS]);
    assert_eq!(fake.installed(), "");
    install(&fake, Removals::Named).unwrap();
    assert_eq!(fake.installed(), "passt\nredis-tools\n");
}

#[test]
fn a_package_that_no_list_has_is_named() {
    let fake = Fake::new("", "redis-tools 7.0\n");
    refused(&fake, &["apt-get update: done", "Unable to locate package passt", COMMANDS]);
}

#[test]
fn an_installation_that_fails_midway_names_its_repair() {
    let fake = Fake::new("", HERE).state("broken", "");
    let command = format!("dpkg --configure -a && {COMMANDS}");
    refused(&fake, &["dpkg returned an error code (1)", &command]);
    assert_eq!(fake.installed(), "passt\n");
}

#[test]
fn a_host_without_apt_gets_the_package_names() {
    let fake = Fake::new("", "").without("apt-get");
    refused(&fake, &["there is no apt-get here: passt redis-tools (Debian's names)"]);
}

#[test]
fn lists_are_fetched_once_for_a_manager() {
    let fake = Fake::new("", HERE);
    let mut apt = Apt::new(fake.host());
    apt.refresh();
    apt.install(&WANTED, "a test", Removals::Refused).unwrap();
    assert_eq!(fake.calls().lines().filter(|line| line.ends_with(" update")).count(), 1);
}

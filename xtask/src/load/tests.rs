//! Runs whole loads against the fake server. A server without flaws causes no violation, and every flaw is
//! detected.

use std::time::Duration;

use clap::ValueEnum;

use super::fake::{self, Flaw};
use super::plan::LoadPlan;
use super::violation::Violation;
use super::{drive, stats::LoadStats};
use crate::workload::Profile;

/// Returns the plan of a short load, which ends after a number of replies and not after a time.
pub(super) fn plan(profile: Profile) -> LoadPlan {
    LoadPlan {
        clients: 4,
        pipeline: 3,
        duration: Duration::from_secs(300),
        replies_max: 6000,
        profile,
        sizes: "1-20K".parse().unwrap(),
        verify: true,
        seed: 5,
        can_resize: true,
        stall: Duration::from_secs(60),
        prefix: "t".to_owned(),
    }
}

fn run(plan: &LoadPlan, flaw: Flaw) -> LoadStats {
    drive::drive(fake::serve(flaw), plan, |_, stats| stats.violation_count() > 20).unwrap().stats
}

fn first(profile: Profile, flaw: Flaw) -> Violation {
    // The load ends as soon as enough replies have arrived.
    let stats = run(&LoadPlan { replies_max: 200_000, ..plan(profile) }, flaw);
    stats.violations().first().unwrap_or_else(|| panic!("{flaw:?} was not seen")).clone()
}

#[test]
fn correct_replies_cause_no_violation() {
    for profile in Profile::value_variants() {
        for (pipeline, verify) in [(1, true), (8, true), (3, false)] {
            let plan = LoadPlan { pipeline, verify, ..plan(*profile) };
            let stats = run(&plan, Flaw::None);
            assert_eq!(stats.violations(), [], "{profile:?} {pipeline} {verify}");
            assert!(stats.replies() >= plan.replies_max);
            assert_eq!(stats.bytes_checked > 0 && stats.ranges_checked > 0, verify);
        }
    }
}

#[test]
fn wrong_bytes_are_found() {
    for flaw in [Flaw::Dirty, Flaw::Short, Flaw::Shared] {
        for profile in [Profile::Churn, Profile::ReadWrite, Profile::Mixed] {
            let violation = first(profile, flaw);
            assert!(matches!(violation, Violation::Content { .. }), "{flaw:?}: {violation}");
        }
    }
    let violation = first(Profile::AllocFree, Flaw::Dirty);
    assert!(matches!(violation, Violation::Content { wrong, .. } if wrong.found == 7));
}

#[test]
fn wrong_bytes_after_a_resize_are_found() {
    for flaw in [Flaw::GrownDirty, Flaw::MovedShort] {
        for profile in [Profile::Resize, Profile::Mixed] {
            let violation = first(profile, flaw);
            assert!(matches!(violation, Violation::Content { .. }), "{flaw:?}: {violation}");
        }
    }
}

#[test]
fn overlapping_regions_are_found() {
    let violation = first(Profile::Churn, Flaw::NoGuard);
    assert!(matches!(violation, Violation::Overlap(..)), "{violation}");
}

#[test]
fn unprotected_regions_are_found() {
    for profile in Profile::value_variants() {
        let stats = run(&plan(*profile), Flaw::Open);
        let is_found = |found: &Violation| matches!(found, Violation::Intrusion { .. });
        assert!(stats.violations().iter().any(is_found), "{profile:?}");
    }
}

#[test]
fn refusals_and_lost_connections_are_found() {
    let violation = first(Profile::Mixed, Flaw::Refuses);
    assert!(matches!(violation, Violation::Answer { .. }), "{violation}");
    for flaw in [Flaw::HangsUp, Flaw::Garbled] {
        let violation = first(Profile::Mixed, flaw);
        assert!(matches!(violation, Violation::Lost { .. }), "{flaw:?}: {violation}");
    }
}

#[test]
fn a_reply_that_never_comes_ends_the_run() {
    let plan = LoadPlan { stall: Duration::from_millis(300), pipeline: 1, ..plan(Profile::Churn) };
    let stats = run(&plan, Flaw::Silent);
    let stalls = |found: &Violation| matches!(found, Violation::Stall { .. });
    assert!(stats.violations().iter().any(stalls), "{:?}", stats.violations());
}

#[test]
fn exhausted_memory_is_counted_and_is_no_violation() {
    let stats = run(&plan(Profile::Churn), Flaw::Pressed);
    assert_eq!(stats.violations(), []);
    assert!(stats.errors()["NOMEM"] > 10);
}

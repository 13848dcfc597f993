//! Tests that run in the image, because they need real faults, real page tables and a real TLB.
//!
//! All tests are in one static table. Each test returns its first failed check. The tests in `crash` end the image, so
//! they run only if the command line names them.

mod access;
mod aps;
mod change;
mod coherence;
#[cfg(feature = "collections")]
mod collections;
mod cpu;
mod crash;
mod failed_check;
mod faults;
mod fixture;
mod kinds;
mod memory;
mod nodes;
mod protection;
mod readers;
mod region;
mod strings;
mod together;
mod translation;

use runtime_config::cmdline::Config;
use runtime_config::verdict::{Announcement, Exit, Footer, TestLine};

use crate::hardware::console;
use crate::hardware::machine::Window;

use fixture::{Fixture, TestResult};

struct Test {
    name: &'static str,
    run: fn(Fixture) -> TestResult,
}

const fn test(name: &'static str, run: fn(Fixture) -> TestResult) -> Test {
    Test { name, run }
}

const TESTS: &[Test] = &[
    test("protection::wp_constant", protection::constants_keep_their_value),
    test("protection::wp_text", protection::text_keeps_its_value),
    test("protection::nx_data", protection::data_does_not_run),
    test("protection::nx_stack", protection::stacks_do_not_run),
    test("protection::nx_region", protection::regions_do_not_run),
    test("protection::null_page", protection::page_0_faults),
    test("protection::stack_guards", protection::stack_guards_fault),
    test("protection::control_registers", protection::control_registers_are_set),
    test("access::exact", access::faults_name_the_exact_byte),
    test("access::unaligned", access::unaligned_copies_are_whole),
    test("access::not_canonical", access::general_protection_is_survived),
    test("access::probe", access::probes_change_nothing),
    test("strings::copy", strings::copies_are_exact),
    test("strings::move", strings::moves_may_overlap),
    test("strings::set", strings::sets_are_exact),
    test("cpu::clock", cpu::the_clock_runs),
    test("cpu::sleep", cpu::the_timer_ends_a_sleep),
    test("cpu::sleep_with_work", cpu::work_prevents_a_sleep),
    test("cpu::flushes_wait", cpu::flushes_wait),
    test("cpu::heap", cpu::the_heap_grows),
    test("translation::image", translation::sections_have_their_rights),
    test("translation::direct_map", translation::ram_is_mapped_large),
    test("translation::walk", translation::cr3_agrees_with_the_crate),
    test("region::scattered", region::frames_are_scattered),
    test("region::guard", region::the_guard_faults_and_is_named),
    test("region::read_only", region::read_only_keeps_its_value),
    test("region::zeroed", region::zeroed_means_zero),
    test("region::freed", region::freed_pages_fault),
    test("region::stale_tlb", region::no_stale_translation),
    test("region::eager", region::eager_frees_fault_at_once),
    test("region::lazy", region::frees_share_flushes),
    test("region::frames_return", region::frames_return),
    test("region::all_memory", region::all_memory_is_one_region),
    test("region::churn", region::churn_leaves_no_trace),
    test("change::moved", change::moved_regions_keep_their_frames),
    test("change::rights", change::rights_change_at_once),
    test("change::large", change::large_leaves_translate_and_split),
    #[cfg(feature = "collections")]
    test("collections::window", collections::collections_live_in_the_window),
    test("faults::over", faults::spurious_faults_are_retried),
    test("faults::handler", faults::the_handler_checks_for_spurious_faults),
    test("faults::repeated", faults::retries_are_limited),
    test("faults::kinds", kinds::every_cpu_survives_and_names_every_kind),
    test("nodes::named", nodes::a_named_node_gives_its_frames),
    test("nodes::all", nodes::all_nodes_together_have_all_memory),
    test("nodes::own", nodes::the_default_node_is_that_of_the_cpu),
    test("together::numbers", together::every_cpu_works_under_its_number),
    test("coherence::stale_tlb", coherence::no_stale_translation),
    test("coherence::rights", coherence::rights_hold_everywhere_on_return),
    test("together::tables", together::tables_go_while_others_walk),
    test("together::one_free", together::one_of_many_frees_wins),
    test("region::audit", region::the_audit_is_sound),
];

/// Runs all tests that match the filter in the command line, and prints a line for each test.
pub(crate) fn run(vm: &'static Window, config: &Config) -> Exit {
    crash::run_named(config.selftest.as_str(), vm);
    let chosen = || TESTS.iter().filter(|test| config.selftest.matches(test.name));
    console::raw(format_args!("{}", Announcement { tests: chosen().count() }));
    let mut footer = Footer { passed: 0, failed: 0 };
    for test in chosen() {
        let outcome = (test.run)(Fixture { vm, seconds: config.selftest_seconds as u64 });
        if let Err(failure) = outcome {
            console::raw(format_args!("{}: {failure}", test.name));
            footer.failed += 1;
        } else {
            footer.passed += 1;
        }
        console::raw(format_args!("{}", TestLine { name: test.name, passed: outcome.is_ok() }));
    }
    console::raw(format_args!("{footer}"));
    if footer.failed == 0 { Exit::Success } else { Exit::Failure }
}

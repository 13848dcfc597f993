//! The deprecated names of metrics. In the previous release, the families of metrics had no common prefix.
//!
//! For one release, each family in [`NAMES`] is written under its current and its deprecated name. The help text of the
//! deprecated name contains the current name. Families that did not exist in the previous release are not in the list.

use vmalloc::Family;

/// The prefix of the current name of all families but one.
pub(super) const PREFIX: &str = "vmalloc_";

/// The only current name without the prefix, because all exporters for Prometheus use this name.
const START_TIME: &str = "process_start_time_seconds";

/// The deprecated names. The current name consists of [`PREFIX`] and the deprecated name.
pub(super) const NAMES: &[&str] = &[
    "frames",
    "frames_held",
    "frames_managed",
    "frames_zeroed",
    "frames_zeroed_wanted_total",
    "guard_hits_total",
    "http_clients",
    "http_connections_refused_total",
    "http_connections_total",
    "http_errors_total",
    "http_requests_total",
    "http_sent_bytes_total",
    "http_timeouts_total",
    "loop_turns_long_total",
    "loop_turns_total",
    "pt_pages",
    "pt_pages_cached",
    "resp_bytes_total",
    "resp_clients",
    "resp_clients_peak",
    "resp_commands_total",
    "resp_connections_lost_total",
    "resp_connections_refused_total",
    "resp_connections_total",
    "resp_errors_total",
    "resp_protocol_errors_total",
    "resp_replies_spilled_total",
    "resp_requests_total",
    "service_errands_total",
    "service_names",
    "service_regions",
    "tcp_sockets",
    "tlb_cpus_skipped_total",
    "tlb_flushed_pages_total",
    "tlb_flushes_total",
    "tlb_generation",
    "tlb_ipis_total",
    "tlb_laggards_total",
    "tlb_last_laggard_cpu",
    "tlb_shootdowns_by_reason_total",
    "tlb_shootdowns_total",
    "uptime_seconds",
];

/// Returns the family with its deprecated name, or `None` if the family has no deprecated name.
pub(super) fn family(family: Family) -> Option<Family> {
    let old = family.name.strip_prefix(PREFIX)?;
    let name = NAMES.iter().copied().find(|name| *name == old)?;
    Some(Family { name, ..family })
}

/// Returns whether a name is deprecated.
pub(super) fn is_old(name: &str) -> bool {
    !(name.starts_with(PREFIX) || name == START_TIME)
}

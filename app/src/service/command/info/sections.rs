//! The sections of Redis 7.0, with its order and names.

use core::fmt;

use vmalloc::{Access, PAGE_BYTES};

use super::text::InfoText;
use crate::service::parts::Parts;
use crate::service::session::REDIS_VERSION;

/// Tells which requests include a section without naming it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// Requests without section names, `default`, `all` and `everything`.
    Default,
    /// `all` and `everything`.
    All,
    /// Requests without section names, `default` and `everything`, but not `all`.
    Modules,
}

/// A section of `INFO`.
pub(super) struct InfoSection<M: Access + 'static> {
    pub(super) name: &'static str,
    pub(super) detail: Detail,
    pub(super) write: fn(&Parts<M>, &mut InfoText<'_, '_>),
}

/// The sections, for one kind of machine.
pub(super) struct Sections<M>(core::marker::PhantomData<M>);

impl<M: Access + 'static> Sections<M> {
    /// All sections in the order of Redis.
    pub(super) const ALL: [InfoSection<M>; 12] = [
        InfoSection { name: "Server", detail: Detail::Default, write: server },
        InfoSection { name: "Clients", detail: Detail::Default, write: clients },
        InfoSection { name: "Memory", detail: Detail::Default, write: memory },
        InfoSection { name: "Persistence", detail: Detail::Default, write: persistence },
        InfoSection { name: "Stats", detail: Detail::Default, write: stats },
        InfoSection { name: "Replication", detail: Detail::Default, write: replication },
        InfoSection { name: "CPU", detail: Detail::Default, write: cpu },
        InfoSection { name: "Modules", detail: Detail::Modules, write: |_, _| {} },
        InfoSection { name: "Commandstats", detail: Detail::All, write: commands },
        InfoSection { name: "Errorstats", detail: Detail::Default, write: errors },
        InfoSection { name: "Cluster", detail: Detail::Default, write: cluster },
        InfoSection { name: "Keyspace", detail: Detail::Default, write: keyspace },
    ];
}

fn server<M: Access>(parts: &Parts<M>, report: &mut InfoText<'_, '_>) {
    let uptime_s = parts.store.clock.now_us / 1_000_000;
    report.line("redis_version", REDIS_VERSION);
    report.line("redis_mode", "standalone");
    report.line("vmalloc_version", env!("CARGO_PKG_VERSION"));
    report.line("os", format_args!("vmalloc {} x86_64", env!("CARGO_PKG_VERSION")));
    report.line("arch_bits", 64);
    // The image is one program, so its process id is fixed.
    report.line("process_id", 1);
    report.line("process_supervised", "no");
    report.line("run_id", parts.identity.run_id);
    report.line("tcp_port", parts.config.resp_port);
    report.line("uptime_in_seconds", uptime_s);
    report.line("uptime_in_days", uptime_s / (24 * 3600));
    report.line("executable", "");
    report.line("config_file", "");
    report.line("io_threads_active", 0);
}

fn clients<M: Access>(parts: &Parts<M>, report: &mut InfoText<'_, '_>) {
    report.line("connected_clients", parts.metrics.counters.clients);
    report.line("cluster_connections", 0);
    report.line("maxclients", parts.config.clients);
    report.zeros(&["blocked_clients", "tracking_clients", "clients_in_timeout_table"]);
}

fn memory<M: Access>(parts: &Parts<M>, report: &mut InfoText<'_, '_>) {
    let frames = parts.store.vm.stats();
    let [used, total] = [frames.frames_used(), frames.frames_total].map(|count| count * PAGE_BYTES);
    for (name, human, bytes) in [
        ("used_memory", "used_memory_human", used),
        ("total_system_memory", "total_system_memory_human", total),
        ("maxmemory", "maxmemory_human", parts.memory_bytes_max()),
    ] {
        report.line(name, bytes);
        report.line(human, HumanSize(bytes));
    }
    report.line("maxmemory_policy", "noeviction");
    report.zeros(&["mem_replication_backlog", "mem_aof_buffer", "active_defrag_running"]);
    report.line("mem_allocator", "vmalloc");
}

fn persistence<M: Access>(_: &Parts<M>, report: &mut InfoText<'_, '_>) {
    report.zeros(&[
        "loading",
        "async_loading",
        "current_cow_size",
        "rdb_bgsave_in_progress",
        "rdb_saves",
        "aof_enabled",
        "aof_rewrite_in_progress",
        "aof_rewrite_scheduled",
        "module_fork_in_progress",
    ]);
}

fn stats<M: Access>(parts: &Parts<M>, report: &mut InfoText<'_, '_>) {
    let counters = &parts.metrics.counters;
    let rates = parts.metrics.rates.now(parts.store.clock.now_us, parts.metrics.counters.traffic());
    report.line("total_connections_received", counters.connections);
    report.line("total_commands_processed", counters.commands);
    report.line("instantaneous_ops_per_sec", rates.commands);
    report.line("total_net_input_bytes", counters.bytes_received);
    report.line("total_net_output_bytes", counters.bytes_sent);
    report.zeros(&["total_net_repl_input_bytes", "total_net_repl_output_bytes"]);
    report.line("instantaneous_input_kbps", Hundredths::of(rates.received, 1024));
    report.line("instantaneous_output_kbps", Hundredths::of(rates.sent, 1024));
    report.line("rejected_connections", counters.connections_refused);
    report.zeros(&["sync_full", "sync_partial_ok", "sync_partial_err"]);
    report.line("expired_keys", counters.expired_keys);
    report.zeros(&["evicted_keys", "evicted_clients"]);
    report.line("keyspace_hits", parts.store.lookups.hits);
    report.line("keyspace_misses", parts.store.lookups.misses);
    report.zeros(&[
        "pubsub_channels",
        "pubsub_patterns",
        "pubsubshard_channels",
        "latest_fork_usec",
        "total_forks",
        "migrate_cached_sockets",
        "slave_expires_tracked_keys",
        "active_defrag_hits",
        "active_defrag_misses",
        "active_defrag_key_hits",
        "active_defrag_key_misses",
        "tracking_total_keys",
        "tracking_total_items",
        "tracking_total_prefixes",
    ]);
    report.line("total_error_replies", counters.errors);
}

fn replication<M: Access>(parts: &Parts<M>, report: &mut InfoText<'_, '_>) {
    report.line("role", "master");
    report.line("connected_slaves", 0);
    report.line("master_failover_state", "no-failover");
    report.line("master_replid", parts.identity.replication_id);
    report.line("master_replid2", "0000000000000000000000000000000000000000");
    report.line("master_repl_offset", 0);
    report.line("second_repl_offset", -1);
    report.zeros(&[
        "repl_backlog_active",
        "repl_backlog_size",
        "repl_backlog_first_byte_offset",
        "repl_backlog_histlen",
    ]);
}

/// Writes the time that the BSP has spent in turns. The fields for all threads are omitted, because
/// the time of the APs is not measured.
fn cpu<M: Access>(parts: &Parts<M>, report: &mut InfoText<'_, '_>) {
    let us = parts.metrics.counters.turn_us_total;
    let (seconds, rest) = (us / 1_000_000, us % 1_000_000);
    report.line("used_cpu_sys_main_thread", format_args!("{seconds}.{rest:06}"));
    report.line("used_cpu_user_main_thread", "0.000000");
}

/// Writes the counters of each command that was called. `usec` is an estimate, because only one
/// call in 16 is timed.
fn commands<M: Access>(parts: &Parts<M>, report: &mut InfoText<'_, '_>) {
    for (name, tally) in parts.command_stats() {
        let (calls, rejected, failed) = (tally.calls, tally.rejected, tally.failed);
        if calls + rejected == 0 || name == "unknown" {
            continue;
        }
        let timed = tally.timed().max(1);
        let us = u128::from(tally.timed_us) * u128::from(calls) / u128::from(timed);
        let each = Hundredths::of(tally.timed_us, timed);
        report.lower_case("cmdstat_");
        report.lower_case(name);
        report.rest_of_line(format_args!(
            ":calls={calls},usec={us},usec_per_call={each},rejected_calls={rejected},\
             failed_calls={failed}"
        ));
    }
}

fn errors<M: Access>(parts: &Parts<M>, report: &mut InfoText<'_, '_>) {
    for (code, count) in parts.metrics.errors.iter() {
        report.rest_of_line(format_args!("errorstat_{code}:count={count}"));
    }
}

fn cluster<M: Access>(_: &Parts<M>, report: &mut InfoText<'_, '_>) {
    report.line("cluster_enabled", 0);
}

fn keyspace<M: Access>(parts: &Parts<M>, report: &mut InfoText<'_, '_>) {
    let keys = parts.store.names.count();
    if keys > 0 {
        let expiring = parts.store.ledger.expiring();
        let (expires, ttl_ms) =
            (expiring.count, expiring.average_us(parts.store.clock.now_us) / 1000);
        report.line("db0", format_args!("keys={keys},expires={expires},avg_ttl={ttl_ms}"));
    }
}

/// A number with two decimal places.
struct Hundredths(u64);

impl Hundredths {
    /// Divides `value` by `divisor`, rounded to two decimal places.
    fn of(value: u64, divisor: u64) -> Self {
        let hundred = u128::from(value) * 100 + u128::from(divisor / 2);
        Self(u64::try_from(hundred / u128::from(divisor)).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Hundredths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// A number of bytes in the notation of Redis for people: with a unit of 1024, 1024² and so on, and
/// two decimal places.
struct HumanSize(u64);

impl fmt::Display for HumanSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("T", 40), ("G", 30), ("M", 20), ("K", 10)];
        match units.into_iter().find(|(_, bits)| self.0 >> bits != 0) {
            Some((unit, bits)) => write!(f, "{}{unit}", Hundredths::of(self.0, 1 << bits)),
            None => write!(f, "{}B", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_as_redis_shows_them() {
        for (bytes, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.00K"),
            (917_008, "895.52K"),
            (1_312_184, "1.25M"),
            (25_325_268_992, "23.59G"),
            (1 << 43, "8.00T"),
        ] {
            assert_eq!(HumanSize(bytes).to_string(), text);
        }
    }

    #[test]
    fn quotients_are_rounded() {
        assert_eq!(Hundredths::of(16, 3).to_string(), "5.33");
        assert_eq!(Hundredths::of(2, 3).to_string(), "0.67");
        assert_eq!(Hundredths::of(u64::MAX, 1024).to_string(), "18014398509481984.00");
    }
}

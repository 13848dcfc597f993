//! `CONFIG`: the settings of the kernel command line, and those of Redis that tools ask for.

use core::fmt;

use runtime_config::cmdline::{Config, KEYS};
use vmalloc::{Machine, PAGE_BYTES};

use super::Service;
use super::call::Call;
use super::failure::{Failure, Word};
use super::glob::{self, Case};
use super::keys;
use crate::resp::{Arguments, Reply};

/// Settings of Redis with one possible value here.
const FIXED: &[(&str, &str)] = &[
    // The image saves no data; `redis-benchmark` warns where this setting is missing.
    ("save", ""),
    ("appendonly", "no"),
    ("databases", "1"),
    ("maxmemory-policy", "noeviction"),
    ("maxmemory-clients", "0"),
    // An idle client stays connected; one that is gone is found out by keep-alive probes.
    ("timeout", "0"),
    // The image listens on all its addresses.
    ("bind", "*"),
    ("tls-port", "0"),
    ("unixsocket", ""),
    // A client that does not read is not read from, and never closed for that.
    ("client-output-buffer-limit", "normal 0 0 0 slave 0 0 0 pubsub 0 0 0"),
    // There is no slow log, and there are no notifications, replicas or threads for input.
    ("slowlog-log-slower-than", "-1"),
    ("slowlog-max-len", "0"),
    ("latency-monitor-threshold", "0"),
    ("notify-keyspace-events", ""),
    ("cluster-enabled", "no"),
    ("replicaof", ""),
    ("io-threads", "1"),
    ("activedefrag", "no"),
];

/// A setting of Redis that follows from one of the image's, and its value.
type Derived = (&'static str, u64);

/// `CONFIG GET pattern [pattern …]`: a map of names and values, each name once.
pub(super) fn get<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let patterns = call.arguments;
    for pattern in patterns.iter().skip(2) {
        keys::checked_pattern(pattern)?;
    }
    let service = &*call.service;
    let mut steps = 0;
    call.reply.map_by(|reply| {
        let mut pairs = 0;
        service.for_each_setting(&mut |name, value| {
            if steps <= keys::STEPS_MAX && is_wanted(patterns, name, &mut steps) {
                pair(name, value, reply);
                pairs += 1;
            }
        });
        pairs
    });
    if steps > keys::STEPS_MAX {
        return Err(Failure::TooManySteps(keys::STEPS_MAX, "fewer patterns"));
    }
    Ok(())
}

fn is_wanted(patterns: Arguments<'_>, name: &str, steps: &mut u64) -> bool {
    let name = name.as_bytes();
    let is_match = |pattern| glob::matches_counted(pattern, name, Case::Ignored, steps);
    patterns.iter().skip(2).any(is_match)
}

fn pair(name: &str, value: fmt::Arguments<'_>, reply: &mut Reply<'_>) {
    reply.bulk(name.as_bytes());
    reply.bulk_of(value);
}

/// `CONFIG SET name value [name value …]`: refused, for every setting is made at boot. As in Redis the
/// first name decides which error it is.
pub(super) fn set<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    if !call.arguments.count().is_multiple_of(2) {
        return Err(Failure::Redis("syntax error"));
    }
    let name = call.argument(2);
    let mut is_known = false;
    call.service.for_each_setting(&mut |known, _| {
        is_known |= name.eq_ignore_ascii_case(known.as_bytes());
    });
    let name = Word::new(name);
    Err(if is_known {
        let before = "CONFIG SET failed (possibly related to argument '";
        Failure::Quoted(before, name, "') - can't set immutable config")
    } else {
        Failure::Quoted("Unknown option or number of arguments for CONFIG SET - '", name, "'")
    })
}

/// `CONFIG RESETSTAT`
pub(super) fn resetstat<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    call.service.counters.reset();
    call.service.tallies.reset();
    call.service.errors.reset();
    call.service.rates.reset(call.service.now_us);
    call.reply.status("OK");
    Ok(())
}

/// `CONFIG REWRITE`: there is no file to write.
pub(super) fn rewrite<M: Machine>(_: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    Err(Failure::Redis("The server is running without a config file"))
}

impl<M: Machine> Service<M> {
    /// Bytes that regions can have at most: all memory but what is kept for page tables, network and
    /// metadata.
    pub(super) fn memory_bytes_max(&self) -> u64 {
        let stats = self.vm.stats();
        stats.frames_total.saturating_sub(stats.frames_reserve) * PAGE_BYTES
    }

    /// Goes through all settings but the secret ones: those of Redis, then the image's own.
    fn for_each_setting(&self, each: &mut dyn FnMut(&str, fmt::Arguments<'_>)) {
        for (name, value) in FIXED {
            each(name, format_args!("{value}"));
        }
        for (name, value) in self.derived(&self.config) {
            each(name, format_args!("{value}"));
        }
        for key in KEYS.iter().filter(|key| !key.is_secret()) {
            each(key.name, format_args!("{}", key.value(&self.config)));
        }
    }

    fn derived(&self, config: &Config) -> [Derived; 4] {
        [
            ("port", config.resp_port.into()),
            ("maxclients", config.clients as u64),
            ("maxmemory", self.memory_bytes_max()),
            ("proto-max-bulk-len", config.bulk_bytes as u64),
        ]
    }
}

//! `CONFIG`: the settings of the kernel command line, and the Redis settings that tools read.

use core::fmt;

use runtime_config::cmdline::KEYS;
use vmalloc::Access;

use crate::resp::{Arguments, Reply};
use crate::service::call::Call;
use crate::service::failure::{Failure, Word};
use crate::service::parse::glob::{self, Case};
use crate::service::parse::pattern;
use crate::service::parts::Parts;
use crate::service::store::Lookups;

/// Redis settings that have a fixed value here.
const FIXED: &[(&str, &str)] = &[
    // The image saves no data; `redis-benchmark` warns if this setting is missing.
    ("save", ""),
    ("appendonly", "no"),
    ("databases", "1"),
    ("maxmemory-policy", "noeviction"),
    ("maxmemory-clients", "0"),
    // An idle client stays connected. Keep-alive probes detect a client that has gone.
    ("timeout", "0"),
    // The image listens on all its addresses.
    ("bind", "*"),
    ("tls-port", "0"),
    ("unixsocket", ""),
    // A client that does not read its replies is not closed; the server only stops reading its
    // requests.
    ("client-output-buffer-limit", "normal 0 0 0 slave 0 0 0 pubsub 0 0 0"),
    // The image has no slow log, no keyspace notifications, no replicas and no input threads.
    ("slowlog-log-slower-than", "-1"),
    ("slowlog-max-len", "0"),
    ("latency-monitor-threshold", "0"),
    ("notify-keyspace-events", ""),
    ("cluster-enabled", "no"),
    ("replicaof", ""),
    ("io-threads", "1"),
    ("activedefrag", "no"),
];

/// The name and the value of a Redis setting that is derived from a setting of the image.
type Derived = (&'static str, u64);

/// Serves `CONFIG GET pattern [pattern …]`: replies with a map of names and values. A setting that
/// matches several patterns is listed once.
pub(in crate::service) fn get<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let patterns = call.arguments;
    for pattern in patterns.iter().skip(2) {
        pattern::checked(pattern)?;
    }
    let parts = &*call.parts;
    let mut steps = 0;
    call.reply.map_by(|reply| {
        let mut pairs = 0;
        for_each_setting(parts, &mut |name, value| {
            if steps <= pattern::STEPS_MAX && is_wanted(patterns, name, &mut steps) {
                pair(name, value, reply);
                pairs += 1;
            }
        });
        pairs
    });
    if steps > pattern::STEPS_MAX {
        return Err(Failure::TooManySteps(pattern::STEPS_MAX, "fewer patterns"));
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

/// Serves `CONFIG SET name value [name value …]`. The command always fails, because settings can
/// only be made on the kernel command line. As in Redis, the first name determines the error.
pub(in crate::service) fn set<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    if !call.arguments.count().is_multiple_of(2) {
        return Err(Failure::Redis("syntax error"));
    }
    let name = call.argument(2);
    let mut is_known = false;
    for_each_setting(call.parts, &mut |known, _| {
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

/// Serves `CONFIG RESETSTAT`.
pub(in crate::service) fn resetstat<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    call.parts.metrics.reset(call.parts.store.clock.now_us);
    call.parts.store.lookups = Lookups::default();
    call.reply.status("OK");
    Ok(())
}

/// Serves `CONFIG REWRITE`. The command always fails, because the image has no configuration file.
pub(in crate::service) fn rewrite<M: Access>(_: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    Err(Failure::Redis("The server is running without a config file"))
}

/// Calls `each` with every setting except secret ones: first the settings of Redis, then those of
/// the image.
fn for_each_setting<M: Access>(parts: &Parts<M>, each: &mut dyn FnMut(&str, fmt::Arguments<'_>)) {
    for (name, value) in FIXED {
        each(name, format_args!("{value}"));
    }
    for (name, value) in derived(parts) {
        each(name, format_args!("{value}"));
    }
    for key in KEYS.iter().filter(|key| !key.is_secret()) {
        each(key.name, format_args!("{}", key.value(&parts.config)));
    }
}

fn derived<M: Access>(parts: &Parts<M>) -> [Derived; 4] {
    [
        ("port", parts.config.resp_port.into()),
        ("maxclients", parts.config.clients as u64),
        ("maxmemory", parts.memory_bytes_max()),
        ("proto-max-bulk-len", parts.config.bulk_bytes as u64),
    ]
}

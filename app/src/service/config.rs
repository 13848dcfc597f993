//! `CONFIG`: what was set at boot, and two settings of Redis that its tools ask for.

use vmalloc::Machine;

use super::call::Call;
use super::command;
use super::failure::Failure;
use super::glob;
use runtime_config::cmdline::KEYS;

/// Nothing is ever saved; `redis-benchmark` wants to hear that.
const REDIS_SETTINGS: [(&str, &str); 2] = [("save", ""), ("appendonly", "no")];

/// `CONFIG GET pattern [pattern …]`: a map of names and values. `CONFIG RESETSTAT`.
pub(super) fn config<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let subcommand = call.argument(1);
    if subcommand.eq_ignore_ascii_case(b"RESETSTAT") && call.arguments.count() == 2 {
        call.service.counters.reset();
        call.reply.status("OK");
        return Ok(());
    }
    if subcommand.eq_ignore_ascii_case(b"SET") && call.arguments.count() > 3 {
        return Err(Failure::Redis(
            "CONFIG SET failed - settings are those of the kernel command line",
        ));
    }
    if !subcommand.eq_ignore_ascii_case(b"GET") {
        return command::help(call, "CONFIG");
    }
    if call.arguments.count() < 3 {
        return Err(Failure::Redis("wrong number of arguments for 'config|get' command"));
    }
    let patterns = call.arguments;
    let wanted =
        |name: &str| patterns.iter().skip(2).any(|pattern| glob::matches(pattern, name.as_bytes()));
    let config = &call.service.config;
    call.reply.map_by(|reply| {
        let mut pairs = 0;
        for (name, value) in REDIS_SETTINGS {
            if wanted(name) {
                reply.bulk(name.as_bytes());
                reply.bulk(value.as_bytes());
                pairs += 1;
            }
        }
        for key in KEYS {
            if wanted(key.name) && !key.is_secret() {
                reply.bulk(key.name.as_bytes());
                reply.bulk_of(format_args!("{}", key.value(config)));
                pairs += 1;
            }
        }
        pairs
    });
    Ok(())
}

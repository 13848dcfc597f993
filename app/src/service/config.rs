//! `CONFIG GET`: what was set at boot, and two settings of Redis that its tools ask for.

use vmalloc::Machine;

use super::call::Call;
use super::failure::{Failure, Word};
use super::glob;
use runtime_config::cmdline::KEYS;

/// Nothing is ever saved; `redis-benchmark` wants to hear that.
const REDIS_SETTINGS: [(&str, &str); 2] = [("save", ""), ("appendonly", "no")];

/// `CONFIG GET pattern [pattern …]`: a map of names and values.
pub(super) fn config<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let subcommand = call.argument(1);
    if !subcommand.eq_ignore_ascii_case(b"GET") {
        return Err(Failure::Subcommand("CONFIG", Word::new(subcommand)));
    }
    if call.arguments.count() < 3 {
        return Err(Failure::Redis("wrong number of arguments for 'config|get' command"));
    }
    let patterns = call.arguments;
    let wanted =
        |name: &str| patterns.iter().skip(2).any(|pattern| glob::matches(pattern, name.as_bytes()));
    let config = &call.service.config;
    call.reply.array_by(|reply| {
        let mut items = 0;
        for (name, value) in REDIS_SETTINGS {
            if wanted(name) {
                reply.bulk(name.as_bytes());
                reply.bulk(value.as_bytes());
                items += 2;
            }
        }
        for key in KEYS {
            if wanted(key.name) {
                reply.bulk(key.name.as_bytes());
                reply.bulk_of(format_args!("{}", key.value(config)));
                items += 2;
            }
        }
        items
    });
    Ok(())
}

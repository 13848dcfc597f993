//! `SHUTDOWN`: powers the machine off.
//!
//! The command only records the request. The server then closes all connections, and the image
//! powers the machine off.

use vmalloc::Access;

use crate::resp::Arguments;
use crate::service::call::Call;
use crate::service::failure::Failure;
use crate::service::parts::Parts;

/// Minimum time between two log lines about refused shutdowns, in microseconds. The limit prevents
/// clients from flooding the console.
const LOG_PAUSE_US: u64 = 1_000_000;

/// The options of a `SHUTDOWN`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct ShutdownOptions {
    saves: bool,
    is_forced: bool,
    aborts: bool,
}

impl ShutdownOptions {
    /// Parses the options. `SAVE` excludes `NOSAVE`, and `ABORT` excludes every other option. `NOW`
    /// has no effect, because the image has no replicas to wait for.
    fn parse(arguments: Arguments<'_>) -> Result<Self, Failure> {
        let mut options = Self::default();
        let (mut skips_saving, mut others) = (false, false);
        for word in arguments.iter().skip(1) {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            match () {
                () if is("ABORT") => options.aborts = true,
                () if is("SAVE") => options.saves = true,
                () if is("FORCE") => options.is_forced = true,
                () if is("NOSAVE") => skips_saving = true,
                () if is("NOW") => others = true,
                () => return Err(Failure::Redis("syntax error")),
            }
        }
        others |= options.saves || options.is_forced || skips_saving;
        if options.aborts && others || options.saves && skips_saving {
            return Err(Failure::Redis("syntax error"));
        }
        Ok(options)
    }
}

/// Serves `SHUTDOWN [NOSAVE|SAVE] [NOW] [FORCE]` and `SHUTDOWN ABORT`: begins to close all
/// connections. The client gets no reply.
///
/// # Errors
///
/// - `SAVE` without `FORCE` fails, because the image cannot save data.
/// - `ABORT` fails, because no request is served during a shutdown, so there is never one to abort.
pub(in crate::service) fn shutdown<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let options = ShutdownOptions::parse(call.arguments)?;
    if options.aborts {
        return Err(Failure::Redis("No shutdown in progress."));
    }
    let number = call.session.owner.number;
    if options.saves && !options.is_forced {
        log_refusal(call.parts, number);
        return Err(Failure::Redis("Errors trying to SHUTDOWN. Check logs."));
    }
    match call.parts.clients.at(call.session.owner.place) {
        Some(entry) => log::warn!("client {number} at {} asked for a shutdown", entry.peer),
        None => log::warn!("client {number} asked for a shutdown"),
    }
    call.parts.is_shutting_down = true;
    call.session.close();
    Ok(())
}

/// Logs why `SHUTDOWN SAVE` is refused, at most once in [`LOG_PAUSE_US`] microseconds.
fn log_refusal<M: Access>(parts: &mut Parts<M>, number: u64) {
    if parts.store.clock.now_us >= parts.shutdown_log_at_us {
        parts.shutdown_log_at_us = parts.store.clock.now_us + LOG_PAUSE_US;
        log::warn!("client {number} asked for SHUTDOWN SAVE, but nothing can be saved");
    }
}

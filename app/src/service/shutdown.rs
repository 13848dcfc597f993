//! `SHUTDOWN`: the image ends.
//!
//! The command only records the wish; the server closes the connections, and the image powers the
//! machine off.

use vmalloc::Machine;

use super::Service;
use super::call::Call;
use super::failure::Failure;
use crate::resp::Arguments;

/// Between two log lines about shutdowns that were refused, in microseconds: clients cannot fill the
/// console.
const LOG_PAUSE_US: u64 = 1_000_000;

/// The words of a `SHUTDOWN`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Options {
    saves: bool,
    is_forced: bool,
    aborts: bool,
}

impl Options {
    /// Reads the words: `SAVE` excludes `NOSAVE`, and `ABORT` excludes all others. `NOW` has no effect,
    /// because there are no replicas to wait for.
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

/// `SHUTDOWN [NOSAVE|SAVE] [NOW] [FORCE]`, `SHUTDOWN ABORT`: all connections are closed, that of the
/// client without a reply.
///
/// # Errors
///
/// - `SAVE` without `FORCE`: nothing can be saved.
/// - `ABORT`: no request is served during a shutdown, so there is never one to abort.
pub(super) fn shutdown<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let options = Options::parse(call.arguments)?;
    if options.aborts {
        return Err(Failure::Redis("No shutdown in progress."));
    }
    let number = call.session.number;
    if options.saves && !options.is_forced {
        call.service.log_refused_shutdown(number);
        return Err(Failure::Redis("Errors trying to SHUTDOWN. Check logs."));
    }
    match call.service.client_list.at(call.session.place) {
        Some(entry) => log::warn!("client {number} at {} asked for a shutdown", entry.peer),
        None => log::warn!("client {number} asked for a shutdown"),
    }
    call.service.is_shutting_down = true;
    call.session.close();
    Ok(())
}

impl<M: Machine> Service<M> {
    /// Says why `SHUTDOWN SAVE` is refused, at most once in [`LOG_PAUSE_US`].
    fn log_refused_shutdown(&mut self, number: u64) {
        if self.now_us >= self.shutdown_log_at_us {
            self.shutdown_log_at_us = self.now_us + LOG_PAUSE_US;
            log::warn!("client {number} asked for SHUTDOWN SAVE, but nothing can be saved");
        }
    }

    /// Whether a client has asked for a shutdown.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.is_shutting_down
    }
}

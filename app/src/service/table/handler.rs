//! How a row of the table calls the handler of its command.
//!
//! A handler knows the state of its own command only. The row wraps that state into [`Task`], so that no command
//! knows another one.

use vmalloc::Machine;

use crate::service::call::{Call, Progress};
use crate::service::failure::Failure;
use crate::service::task::Task;

/// A handler that may keep a state. The state is moved only if there is one: it is large.
pub(in crate::service) type LongHandler<M> =
    fn(&mut Call<'_, '_, M>, &mut Option<Task>) -> Result<Progress, Failure>;

/// The handler of a command.
pub(in crate::service) enum Handler<M: Machine + 'static> {
    /// The command always answers within its request.
    Short(fn(&mut Call<'_, '_, M>) -> Result<(), Failure>),
    /// The command may wait, be served again with a state, or end in a later turn.
    Long(LongHandler<M>),
}

impl<M: Machine> Clone for Handler<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Machine> Copy for Handler<M> {}

/// Keeps the state of a command. Most requests are answered at once, and then nothing of the place for a state is
/// copied.
macro_rules! kept {
    ($begun:ident, $kept:ident, $wrap:expr) => {
        match $begun {
            Ok($crate::service::call::Begun::Answered) => {
                Ok($crate::service::call::Progress::Answered)
            }
            Ok(begun) => Ok(begun.keep($kept, $wrap)),
            Err(failure) => Err(failure),
        }
    };
}

/// A command that always answers within its request.
macro_rules! answers {
    ($handler:path) => {
        $crate::service::table::handler::Handler::Short($handler)
    };
}

/// A command that may have to wait before anything is done.
macro_rules! waits {
    ($handler:path) => {
        $crate::service::table::handler::Handler::Long(|call, kept| {
            let begun = $handler(call);
            $crate::service::table::handler::kept!(begun, kept, |never| match never {})
        })
    };
}

/// A command that may go on in later turns, when its request is complete.
macro_rules! begins {
    ($handler:path, $task:ident) => {
        $crate::service::table::handler::Handler::Long(|call, kept| {
            let begun = $handler(call);
            $crate::service::table::handler::kept!(begun, kept, $crate::service::task::Task::$task)
        })
    };
}

/// A command that may be served again, with the state that it had.
macro_rules! resumes {
    ($handler:path, $task:ident) => {
        $crate::service::table::handler::Handler::Long(|call, kept| {
            let mut resumed = None;
            if kept.is_some()
                && let Some($crate::service::task::Task::$task(state)) = kept.take()
            {
                resumed = Some(state);
            }
            let begun = $handler(call, resumed);
            $crate::service::table::handler::kept!(begun, kept, $crate::service::task::Task::$task)
        })
    };
}

pub(super) use {answers, begins, kept, resumes, waits};

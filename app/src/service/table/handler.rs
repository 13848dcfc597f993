//! Calls the handler of a command by its row in the table.
//!
//! A handler uses only the state type of its own command. The row wraps that state into a [`Task`],
//! so commands do not depend on each other.

use vmalloc::Access;

use crate::service::call::{Call, Progress};
use crate::service::failure::Failure;
use crate::service::task::Task;

/// A handler that may keep a state for later turns. The state is passed by reference, because it is
/// large and most calls have none.
pub(in crate::service) type LongHandler<M> =
    fn(&mut Call<'_, '_, M>, &mut Option<Task>) -> Result<Progress, Failure>;

/// The handler of a command.
pub(in crate::service) enum Handler<M: Access + 'static> {
    /// The command always replies within its request.
    Short(fn(&mut Call<'_, '_, M>) -> Result<(), Failure>),
    /// The command may wait, continue from a state, or complete in a later turn.
    Long(LongHandler<M>),
}

impl<M: Access> Clone for Handler<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Access> Copy for Handler<M> {}

/// Stores the state that a handler has returned. Most requests are answered at once; the macro then
/// copies nothing of the large state field.
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

/// Makes the handler of a command that always answers within its request.
macro_rules! answers {
    ($handler:path) => {
        $crate::service::table::handler::Handler::Short($handler)
    };
}

/// Makes the handler of a command that may wait before it begins.
macro_rules! waits {
    ($handler:path) => {
        $crate::service::table::handler::Handler::Long(|call, kept| {
            let begun = $handler(call);
            $crate::service::table::handler::kept!(begun, kept, |never| match never {})
        })
    };
}

/// Makes the handler of a command whose work may continue in later turns, after its request was
/// removed from the input.
macro_rules! begins {
    ($handler:path, $task:ident) => {
        $crate::service::table::handler::Handler::Long(|call, kept| {
            let begun = $handler(call);
            $crate::service::table::handler::kept!(begun, kept, $crate::service::task::Task::$task)
        })
    };
}

/// Makes the handler of a command that may be resumed from its state.
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

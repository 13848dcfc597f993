//! One connection: its session, and the request that it has in progress.

use vmalloc::Machine;

use super::call::{Progress, Step, Stepped};
use super::parts::Parts;
use super::session::Session;
use super::store::Reservation;
use super::task::Task;
use super::upload::Upload;
use super::workers::Budget;
use crate::resp::Reply;

/// How the request in progress continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Running {
    /// The request is retried when an operation on an AP ends or another session makes progress.
    Wait,
    /// The request continues in a later turn.
    Again,
    /// The request is consumed, and its reply comes at the end of its task.
    Pending,
}

/// One connection in the service.
#[derive(Debug)]
pub struct Connection {
    pub(super) session: Session,
    /// How the request in progress continues.
    running: Option<Running>,
    /// The state of the request in progress, or of a request that is to be retried.
    task: Option<Task>,
    /// A write with bytes that have not arrived yet.
    pub(super) upload: Option<Upload>,
    /// The number of the command in progress.
    command: Option<usize>,
}

impl Connection {
    /// Creates a connection that has not begun, in a place.
    #[must_use]
    pub fn new(place: u32) -> Self {
        Self {
            session: Session::new(place),
            running: None,
            task: None,
            upload: None,
            command: None,
        }
    }

    /// Begins a connection, after the previous one in this place has ended. No connection has the
    /// number 0.
    pub fn begin(&mut self, number: u64) {
        self.session.begin(number);
        (self.running, self.task, self.upload, self.command) = (None, None, None, None);
    }

    /// Returns the session.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Returns the session mutably.
    pub fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Returns whether a request is in progress, so that no further request may be served.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    /// Returns whether the request in progress stays in the input, to be retried or resumed.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        matches!(self.running, Some(Running::Wait | Running::Again))
    }

    /// Returns whether the connection has no work until an AP or another connection makes progress.
    #[must_use]
    pub fn waits_for_others(&self) -> bool {
        match self.running {
            None => false,
            Some(Running::Wait) => true,
            Some(Running::Again | Running::Pending) => {
                self.task.as_ref().is_some_and(Task::waits_for_others)
            }
        }
    }

    /// Returns whether a request was begun and is not answered. A request that starts over when it
    /// is retried is not in flight.
    fn is_in_flight(&self) -> bool {
        !matches!(self.running, None | Some(Running::Wait)) || self.upload.is_some()
    }

    /// Returns whether a sliced growth of a region is in progress. It is rolled back if the
    /// connection ends.
    #[must_use]
    pub fn is_growing(&self) -> bool {
        self.task.as_ref().is_some_and(Task::is_growing)
    }

    /// Returns whether the request in progress has set some of its keys, so that it must set the
    /// rest too.
    #[must_use]
    pub fn is_publishing(&self) -> bool {
        self.task.as_ref().is_some_and(Task::is_publishing)
    }

    /// Returns whether a part of the request in progress was served.
    pub(super) fn has_begun(&self) -> bool {
        matches!(self.task, Some(Task::Walk(_)))
    }

    /// Delays the request, which stays in the input, until an AP or another session makes progress.
    pub fn delay(&mut self) {
        self.running = Some(Running::Wait);
    }

    /// Returns the session, and the slot for the state of its command.
    #[inline]
    pub(super) fn session_and_task(&mut self) -> (&mut Session, &mut Option<Task>) {
        (&mut self.session, &mut self.task)
    }

    /// Records the result of a handler. Only this function and [`step`](Self::step) decide how a
    /// request continues.
    #[inline]
    pub(super) fn note(&mut self, progress: Progress) {
        self.running = match progress {
            Progress::Answered | Progress::Overflowed => None,
            Progress::Wait => Some(Running::Wait),
            Progress::Again => Some(Running::Again),
            Progress::Pending => Some(Running::Pending),
        };
    }

    /// Records which command is in progress.
    pub(super) fn note_command(&mut self, number: usize) {
        if self.is_busy() {
            self.command = Some(number);
        }
    }

    /// Takes the number of the command that was in progress, if it has ended.
    pub(super) fn ended_command(&mut self) -> Option<usize> {
        if self.is_busy() { None } else { self.command.take() }
    }

    /// Steps the request in progress. Returns whether any work was done.
    pub(super) fn step<M: Machine>(
        &mut self,
        parts: &mut Parts<M>,
        reply: &mut Reply<'_>,
        budget: &mut Budget,
    ) -> bool {
        // A request that waits is retried by the server instead.
        let Some(running) = self.running.take().filter(|running| *running != Running::Wait) else {
            return false;
        };
        // Without a preparation the request is resumed by its handler, not here.
        if self.task.as_ref().is_none_or(Task::is_prepared) {
            return false;
        }
        let Some(task) = self.task.take() else { return false };
        let mut step = Step { parts, session: &mut self.session, reply, budget };
        match task.step(&mut step) {
            Ok(Stepped::Waiting(task)) => {
                (self.running, self.task) = (Some(running), Some(task));
                return false;
            }
            Ok(Stepped::Progressed(task)) => {
                (self.running, self.task) = (Some(running), Some(task));
            }
            Ok(Stepped::Ready(task)) => self.task = task,
            Ok(Stepped::Answered) => {}
            Err(failure) => parts.metrics.refuse(&failure, reply),
        }
        true
    }

    /// Returns the reservation of the session to the store, if no request is in flight any more.
    #[inline]
    pub(super) fn close_reservation<M: Machine>(&mut self, parts: &mut Parts<M>) {
        if self.session.reservation.is_some() && !self.is_in_flight() {
            parts.store.give_back(self.session.reservation.take());
        }
    }

    /// Cancels the request in progress, because the connection has ended. Returns the task and its
    /// reservation if an AP still works for it.
    pub(super) fn cancel<M: Machine>(&mut self, parts: &mut Parts<M>) -> Option<Abandoned> {
        self.running = None;
        self.upload = None;
        let task = self.task.take().and_then(|task| task.cancel(parts));
        let reservation = self.session.reservation.take();
        match task {
            Some(task) => Some(Abandoned { task, reservation }),
            None => {
                parts.store.give_back(reservation);
                None
            }
        }
    }
}

/// A task of an ended connection. Its reservation counts until the task has ended, because the
/// operation on the AP holds memory until then.
#[derive(Debug)]
pub(super) struct Abandoned {
    pub(super) task: Task,
    pub(super) reservation: Option<Reservation>,
}

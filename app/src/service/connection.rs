//! A connection as the service sees it: its session, and the request in progress.

use vmalloc::Access;

use super::call::{Progress, Step, Stepped};
use super::parts::Parts;
use super::session::Session;
use super::store::Reservation;
use super::task::Task;
use super::upload::Upload;
use super::workers::Budget;
use crate::resp::Reply;

/// The way in which the request in progress continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Running {
    /// The server retries the request when an operation on an AP ends or another session makes
    /// progress.
    Wait,
    /// The server resumes the request in a later turn.
    Again,
    /// The request was removed from the input. Its task is stepped, and writes the reply at its
    /// end.
    Pending,
}

/// A connection as the service sees it.
#[derive(Debug)]
pub struct Connection {
    pub(super) session: Session,
    /// How the request in progress continues, or `None` if no request is in progress.
    running: Option<Running>,
    /// The state of the request in progress, or of a request that will be retried.
    task: Option<Task>,
    /// The upload in progress: a write whose data has not arrived completely.
    pub(super) upload: Option<Upload>,
    /// The number of the command in progress in the catalog.
    command: Option<usize>,
}

impl Connection {
    /// Creates the connection of a place in the client list. It must be [begun](Self::begin) before
    /// use.
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

    /// Begins the connection with the given number, after the previous connection of this place has
    /// ended. `number` must not be 0.
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

    /// Returns whether a request is in progress. If so, no further request of this connection may
    /// be served.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    /// Returns whether the request in progress stays in the input, because it is retried or resumed
    /// later.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        matches!(self.running, Some(Running::Wait | Running::Again))
    }

    /// Returns whether the request in progress can only continue after an AP or another connection
    /// has made progress.
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

    /// Returns whether a request was begun and is not answered. A delayed request that will start
    /// over does not count.
    fn is_in_flight(&self) -> bool {
        !matches!(self.running, None | Some(Running::Wait)) || self.upload.is_some()
    }

    /// Returns whether a sliced growth of a region is in progress. If the connection ends, the
    /// growth is rolled back.
    #[must_use]
    pub fn is_growing(&self) -> bool {
        self.task.as_ref().is_some_and(Task::is_growing)
    }

    /// Returns whether the request in progress has set some of its keys already. The remaining keys
    /// must then be set too.
    #[must_use]
    pub fn is_publishing(&self) -> bool {
        self.task.as_ref().is_some_and(Task::is_publishing)
    }

    /// Returns whether parts of the request in progress were already served, so that it will not
    /// start over.
    pub(super) fn has_begun(&self) -> bool {
        matches!(self.task, Some(Task::Walk(_)))
    }

    /// Delays the request, which stays in the input, until an AP or another session makes progress.
    pub fn delay(&mut self) {
        self.running = Some(Running::Wait);
    }

    /// Returns the session, and the field that stores the state of the command.
    #[inline]
    pub(super) fn session_and_task(&mut self) -> (&mut Session, &mut Option<Task>) {
        (&mut self.session, &mut self.task)
    }

    /// Records the result of a handler. Only this function, [`step`](Self::step) and
    /// [`delay`](Self::delay) decide how a request continues.
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

    /// Returns the number of the command that has ended, once. Returns `None` while a request is in
    /// progress.
    pub(super) fn ended_command(&mut self) -> Option<usize> {
        if self.is_busy() { None } else { self.command.take() }
    }

    /// Continues the request in progress by one step. Returns whether any work was done.
    pub(super) fn step<M: Access>(
        &mut self,
        parts: &mut Parts<M>,
        reply: &mut Reply<'_>,
        budget: &mut Budget,
    ) -> bool {
        // A delayed request is not stepped; the server serves it again from its bytes.
        let Some(running) = self.running.take().filter(|running| *running != Running::Wait) else {
            return false;
        };
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
            // The handler resumes the request now, and that counts as work.
            Ok(Stepped::Ready(task)) => {
                self.task = task;
                return false;
            }
            Ok(Stepped::Answered) => {}
            Err(failure) => parts.metrics.refuse(&failure, reply),
        }
        true
    }

    /// Returns the reservation of the session to the store if the session no longer has a request
    /// in flight.
    #[inline]
    pub(super) fn close_reservation<M: Access>(&mut self, parts: &mut Parts<M>) {
        if self.session.reservation.is_some() && !self.is_in_flight() {
            parts.store.give_back(self.session.reservation.take());
        }
    }

    /// Cancels the request in progress, because the connection has ended. Returns the task with its
    /// reservation if an operation on an AP is in flight for it.
    pub(super) fn cancel<M: Access>(&mut self, parts: &mut Parts<M>) -> Option<Abandoned> {
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

/// A task whose connection has ended. Its reservation counts until the task ends, because the
/// operation on the AP holds memory until then.
#[derive(Debug)]
pub(super) struct Abandoned {
    pub(super) task: Task,
    pub(super) reservation: Option<Reservation>,
}

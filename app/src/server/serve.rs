//! The clients of a turn, and the share of each.
//!
//! Clients that have said the password and keep up with their replies are served first, each up to a few
//! requests. So their requests wait for one turn at most, whatever others send. The rest of the turn is for
//! [`Later`](super::later::Later): strangers, and clients with more to do than their share. Some clients of each of
//! its classes get on in every turn, however late it is.

use core::mem;

use smoltcp::time::Instant;
use vmalloc::Machine;

use super::Server;
use super::client::{Fate, Shared};
use super::later::Class;
use crate::buffers::Buffers;
use crate::net::{Line, Nic};
use crate::service::Budget;

/// Requests of a client before others are served. Those behind them may be served in the same turn.
const REQUESTS_FIRST: usize = 8;

impl<N: Nic, M: Machine, B: Buffers> Server<N, M, B> {
    /// Gives every client its share of the turn; who comes first changes from turn to turn. Where the
    /// turn is late, those who are left come first in the next one.
    pub(super) fn serve(&mut self, now: Instant, budget: &mut Budget) -> bool {
        let mut busy = false;
        // Requests that are put off during an audit or a transaction are recalled by nothing else.
        let is_restricted = self.service.is_restricted();
        let calls_all = mem::replace(&mut self.was_restricted, is_restricted) || is_restricted;
        // Nor those that waited for a streamed reply to end.
        let calls_all = self.service.take_readers_left() || calls_all;
        while self.end > 0 && self.clients[self.end - 1].line().is_none() {
            self.end -= 1;
        }
        let first = if self.first < self.end { self.first } else { 0 };
        self.first = first + 1;
        let (mut is_late, mut has_later) = (false, false);
        for at in (first..self.end).chain(0..first) {
            let client = &mut self.clients[at];
            let Some(line) = client.line() else { continue };
            let mut class = client.class(&self.service);
            if is_late && class.is_none() {
                continue;
            }
            let is_called = self.stack.sockets().take_awake(line) || calls_all;
            if !is_called && client.rests(&self.service) {
                continue;
            }
            if class.is_none() {
                let fate = self.visit(at, line, REQUESTS_FIRST, now, budget);
                busy |= fate != Fate::Idle;
                if fate != Fate::Idle && self.service.is_late() {
                    (is_late, self.first) = (true, at + 1);
                }
                class = self.clients[at].class(&self.service);
            }
            if let Some(class) = class {
                self.clients[at].call();
                self.later.push(class, at);
                has_later = true;
            }
        }
        if has_later {
            for class in Class::ALL {
                is_late |= self.serve_later(class, now, budget, &mut busy);
            }
        }
        self.was_restricted |= is_late && calls_all;
        // An audit that has begun meanwhile may be over in the next turn, and has put off some as well.
        self.was_restricted |= self.service.is_restricted();
        busy
    }

    /// Serves the clients of a class until the turn is late, but a few of them in any case. Returns whether the turn
    /// is late.
    fn serve_later(
        &mut self,
        class: Class,
        now: Instant,
        budget: &mut Budget,
        busy: &mut bool,
    ) -> bool {
        let count = self.later.count(class);
        if count == 0 {
            return false;
        }
        let share = class.share(count);
        self.later.begin(class);
        let mut last = 0;
        let mut is_late = false;
        for index in 0..count {
            let at = self.later.place(class, index);
            let Some(line) = self.clients[at].line() else { continue };
            let fate = self.visit(at, line, share, now, budget);
            *busy |= fate != Fate::Idle;
            if fate != Fate::Idle && self.service.is_late() {
                is_late = true;
                if index + 1 >= class.clients_min() {
                    last = index;
                    break;
                }
            }
        }
        self.later.end(class, last);
        is_late
    }

    /// Serves up to so many requests of a client, and ends its connection if that is over.
    fn visit(
        &mut self,
        at: usize,
        line: Line,
        share: usize,
        now: Instant,
        budget: &mut Budget,
    ) -> Fate {
        let client = &mut self.clients[at];
        let mut shared = Shared {
            service: &mut self.service,
            sockets: self.stack.sockets(),
            buffers: &self.buffers,
            ranges: &mut self.ranges,
            allowance: &mut self.allowance,
            limits: &self.limits,
        };
        let fate = client.turn(&mut shared, budget, share);
        let is_over = matches!(fate, Fate::Closed | Fate::Lost);
        if is_over && !(self.service.is_checking() && client.holds_memory()) {
            self.end_client(at, line, fate, now);
        }
        fate
    }

    /// Ends with a client's connection.
    fn end_client(&mut self, at: usize, line: Line, fate: Fate, now: Instant) {
        let client = &mut self.clients[at];
        let ending = client.ending(fate, &self.service, self.stack.sockets());
        self.service.counters.note_ending(ending);
        let number = client.session().number();
        if !self.service.is_shutting_down() {
            self.ending_log.note(Some(number), ending, self.service.now_us());
        }
        client.end(&mut self.service, &mut self.allowance);
        self.stack.sockets().close(line, now);
        self.service.counters.clients -= 1;
    }
}

//! The readers of the reports: places of their own, and a share of each turn.

use alloc::vec::Vec;

use runtime_config::cmdline::Config;
use runtime_config::limits::{HTTP_CLIENTS, HTTP_HEAD_BYTES_MAX};
use smoltcp::time::Instant;
use vmalloc::Machine;

use super::visitor::{self, Visit, Visitor};
use crate::buffers::{self, Buffers, Shortage};
use crate::http::Share;
use crate::net::{Door, Sockets};
use crate::service::Service;

/// Bytes of an answer that are written and not sent: all counters at one moment fit.
const OUTPUT_BYTES: usize = 32 << 10;

/// Every place.
#[derive(Debug)]
pub(super) struct Visitors {
    places: Vec<Visitor>,
    /// The place that is looked at first in the next turn.
    first: usize,
}

impl Visitors {
    /// Takes the buffers of all places; none where no reports are served.
    pub(super) fn try_new<B: Buffers>(buffers: &B, config: &Config) -> Result<Self, Shortage> {
        if !config.serves_http() {
            return Ok(Self { places: Vec::new(), first: 0 });
        }
        let inputs = buffers::share_out(buffers, "http/in", HTTP_CLIENTS, HTTP_HEAD_BYTES_MAX)?;
        let outputs = buffers::share_out(buffers, "http/out", HTTP_CLIENTS, OUTPUT_BYTES)?;
        let places = inputs.zip(outputs).map(|(input, output)| Visitor::new(input, output));
        Ok(Self { places: places.collect(), first: 0 })
    }

    /// Serves everyone, then takes those who have come. Returns whether there may be more to do.
    pub(super) fn turn<M: Machine>(
        &mut self,
        service: &mut Service<M>,
        sockets: &mut Sockets,
        now: Instant,
    ) -> bool {
        let busy = self.serve(service, sockets, now);
        busy | self.accept(service, sockets, now)
    }

    /// When the patience with somebody ends.
    pub(super) fn wake_us(&self) -> Option<u64> {
        self.places.iter().filter_map(Visitor::deadline_us).min()
    }

    fn serve<M: Machine>(
        &mut self,
        service: &mut Service<M>,
        sockets: &mut Sockets,
        now: Instant,
    ) -> bool {
        let mut busy = false;
        let mut share = Share::of_a_turn();
        self.first = (self.first + 1) % self.places.len().max(1);
        let (front, back) = self.places.split_at_mut(self.first);
        for visitor in back.iter_mut().chain(front) {
            let Some(line) = visitor.line() else { continue };
            let visit = visitor.turn(service, sockets, &mut share);
            busy |= visit != Visit::Idle;
            if matches!(visit, Visit::Over | Visit::Late) {
                visitor.end();
                sockets.close(line, now);
                service.counters.http_clients -= 1;
                service.counters.http_timeouts += u64::from(visit == Visit::Late);
            }
        }
        busy
    }

    fn accept<M: Machine>(
        &mut self,
        service: &mut Service<M>,
        sockets: &mut Sockets,
        now: Instant,
    ) -> bool {
        let mut accepted = false;
        while let Some(line) = sockets.accept(Door::Http, now) {
            accepted = true;
            let now_us = service.now_us();
            let place = self.places.iter_mut().find(|visitor| visitor.line().is_none());
            if let Some(visitor) = place {
                visitor.begin(line, now_us);
                service.counters.http_connections += 1;
                service.counters.http_clients += 1;
            } else {
                visitor::turn_away(service, sockets, line);
                sockets.close(line, now);
                service.counters.http_refused += 1;
            }
        }
        accepted
    }
}

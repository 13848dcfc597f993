//! The places of HTTP connections, and the choice of the connection to evict.
//!
//! A connection waits in its socket until a place is free. While a connection waits, other
//! connections are evicted in this order, the oldest first: idle connections, then connections that
//! do not send their head, then connections that do not read their answer. Requests for reports use
//! at most [`REPORTS_MAX`] places at a time, so a place always remains for `/metrics` and
//! `/healthz`.

use alloc::vec::Vec;

use runtime_config::cmdline::Config;
use runtime_config::limits::{HTTP_CLIENTS, HTTP_HEAD_BYTES_MAX, HTTP_RESERVED, HTTP_WAITING};
use smoltcp::time::Instant;
use vmalloc::Access;

use super::http_connection::{self, HttpConnection, HttpProgress};
use crate::buffers::{self, Buffers, Shortage};
use crate::http::RowBudget;
use crate::net::{ConnectionId, Port, Sockets};
use crate::service::Service;

/// Bytes of an answer that may be written but not sent.
const OUTPUT_BYTES: usize = 32 << 10;

/// Maximum number of places that answer reports at the same time.
const REPORTS_MAX: usize = HTTP_CLIENTS - HTTP_RESERVED;

/// Microseconds after which a connection that waits for a place is refused.
const WAIT_US: u64 = 5_000_000;

/// All places for HTTP connections, and the connections that wait for a place.
#[derive(Debug)]
pub(super) struct HttpConnections {
    places: Vec<HttpConnection>,
    /// The place that is served first in the next turn.
    first: usize,
    /// Connections that wait for a place, oldest first, and since when in microseconds since boot.
    waiting: Vec<(ConnectionId, u64)>,
}

impl HttpConnections {
    /// Allocates the buffers of all places, or no place if the configuration disables HTTP.
    pub(super) fn try_new<B: Buffers>(buffers: &B, config: &Config) -> Result<Self, Shortage> {
        if !config.serves_http() {
            return Ok(Self { places: Vec::new(), first: 0, waiting: Vec::new() });
        }
        let inputs = buffers::share_out(buffers, "http/in", HTTP_CLIENTS, HTTP_HEAD_BYTES_MAX)?;
        let outputs = buffers::share_out(buffers, "http/out", HTTP_CLIENTS, OUTPUT_BYTES)?;
        let places = inputs.zip(outputs).map(|(input, output)| HttpConnection::new(input, output));
        let waiting = Vec::with_capacity(HTTP_WAITING);
        Ok(Self { places: places.collect(), first: 0, waiting })
    }

    /// Serves every connection, then assigns free places to waiting connections. Returns whether
    /// there may be more work.
    pub(super) fn turn<M: Access>(
        &mut self,
        service: &mut Service<M>,
        sockets: &mut Sockets,
        now: Instant,
    ) -> bool {
        let busy = self.serve(service, sockets, now);
        busy | self.accept(service, sockets, now)
    }

    /// Returns when the next timeout passes, in microseconds since boot.
    pub(super) fn wake_us<M: Access>(&self, service: &Service<M>) -> Option<u64> {
        if service.counters().http_clients == 0 {
            return None;
        }
        let deadline = self.places.iter().filter_map(HttpConnection::deadline_us).min();
        let Some((_, since_us)) = self.waiting.first() else { return deadline };
        let evictable = self.places.iter().filter_map(HttpConnection::evictable_at_us);
        let evictable = evictable.map(|(at_us, _)| at_us).min();
        [deadline, evictable, Some(since_us + WAIT_US)].into_iter().flatten().min()
    }

    /// Closes every HTTP connection, even if part of its answer is unsent.
    pub(super) fn close_all<M: Access>(
        &mut self,
        service: &mut Service<M>,
        sockets: &mut Sockets,
        now: Instant,
    ) {
        for place in &mut self.places {
            close(place, service, sockets, now);
        }
        self.waiting.drain(..).for_each(|(socket, _)| sockets.close(socket, now));
    }

    fn serve<M: Access>(
        &mut self,
        service: &mut Service<M>,
        sockets: &mut Sockets,
        now: Instant,
    ) -> bool {
        if service.counters().http_clients == 0 {
            return false;
        }
        let mut busy = false;
        let mut share = RowBudget::of_a_turn();
        let mut reports = self.places.iter().filter(|place| place.is_reporting()).count();
        self.first = (self.first + 1) % self.places.len().max(1);
        let (front, back) = self.places.split_at_mut(self.first);
        for connection in back.iter_mut().chain(front) {
            let Some(socket) = connection.socket() else { continue };
            let is_awake = sockets.take_awake(socket);
            if connection.rests(is_awake, service.now_us()) {
                continue;
            }
            reports -= usize::from(connection.is_reporting());
            let progress = connection.turn(service, sockets, &mut share, reports < REPORTS_MAX);
            reports += usize::from(connection.is_reporting());
            busy |= progress != HttpProgress::Idle;
            if progress == HttpProgress::TimedOut {
                connection.give_up(service, sockets);
                service.counters_mut().http_timeouts += 1;
            }
            if matches!(progress, HttpProgress::Over | HttpProgress::TimedOut) {
                reports -= usize::from(connection.is_reporting());
                close(connection, service, sockets, now);
            }
        }
        busy
    }

    /// Accepts new connections, and assigns places to waiting ones.
    fn accept<M: Access>(
        &mut self,
        service: &mut Service<M>,
        sockets: &mut Sockets,
        now: Instant,
    ) -> bool {
        let now_us = service.now_us();
        let mut accepted = false;
        while self.waiting.len() < HTTP_WAITING
            && let Some(socket) = sockets.accept(Port::Http, now)
        {
            self.waiting.push((socket, now_us));
            accepted = true;
        }
        while let Some(&(socket, since_us)) = self.waiting.first() {
            if sockets.is_gone(socket) {
                sockets.close(socket, now);
            } else if let Some(place) = self.place(service, sockets, now) {
                place.begin(socket, now_us);
                service.counters_mut().http_connections += 1;
                service.counters_mut().http_clients += 1;
            } else if now_us >= since_us + WAIT_US {
                http_connection::turn_away(service, sockets, socket);
                sockets.close(socket, now);
                service.counters_mut().http_refused += 1;
            } else {
                break;
            }
            self.waiting.remove(0);
            accepted = true;
        }
        accepted
    }

    /// Returns a free place, or the place of an evicted connection.
    fn place<M: Access>(
        &mut self,
        service: &mut Service<M>,
        sockets: &mut Sockets,
        now: Instant,
    ) -> Option<&mut HttpConnection> {
        if let Some(free) = self.places.iter().position(|place| place.socket().is_none()) {
            return self.places.get_mut(free);
        }
        let now_us = service.now_us();
        let evictable = self.places.iter_mut().filter_map(|place| {
            let (at_us, rank) = place.evictable_at_us()?;
            (at_us <= now_us).then_some((rank, place))
        });
        let (_, place) = evictable.min_by_key(|(rank, _)| *rank)?;
        place.give_up(service, sockets);
        close(place, service, sockets, now);
        service.counters_mut().http_evicted += 1;
        Some(place)
    }
}

/// Ends a connection and frees its place. The socket still delivers the bytes that were passed to
/// it, and discards received bytes until the peer has closed too. A reset instead would make the
/// peer lose the answer if it is still sending.
fn close<M: Access>(
    connection: &mut HttpConnection,
    service: &mut Service<M>,
    sockets: &mut Sockets,
    now: Instant,
) {
    if let Some(socket) = connection.socket() {
        connection.end();
        sockets.close(socket, now);
        service.counters_mut().http_clients -= 1;
    }
}

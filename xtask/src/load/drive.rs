//! Drives many connections on one thread, from their first PONG to the last free.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context;
use mio::{Events, Interest, Poll, Token};

use super::client::LoadClient;
use super::connection::Connection;
use super::plan::LoadPlan;
use super::shared::{Shared, Stage};
use super::stats::LoadStats;
use super::violation::Violation;

/// Maximum time between two reads of the clock.
const TICK: Duration = Duration::from_millis(50);
/// Maximum time in which the remaining regions are checked before they are freed.
const FINISH_LIMIT: Duration = Duration::from_secs(5);
/// Maximum time in which the clients must end, including slow replies.
const LEAVE_LIMIT: Duration = Duration::from_secs(30);

/// The result of a load.
#[derive(Debug)]
pub(super) struct LoadOutcome {
    /// The time in which new requests were started.
    pub(super) worked: Duration,
    /// The counts.
    pub(super) stats: LoadStats,
}

/// A client with its connection, or `None` once the client has ended.
type ClientSlot = Option<(LoadClient, Connection)>;

/// Runs a plan. About every [`TICK`], `watch` is called with the elapsed time and the counts. The load ends
/// early if `watch` returns `true`.
///
/// # Errors
/// A client does not get its first PONG.
pub(super) fn drive(
    address: SocketAddr,
    plan: &LoadPlan,
    mut watch: impl FnMut(Duration, &LoadStats) -> bool,
) -> anyhow::Result<LoadOutcome> {
    let mut poll = Poll::new().context("an event queue")?;
    let mut slots = connect(address, plan, &poll)?;
    let mut shared = Shared::new(plan.clone());
    let mut events = Events::with_capacity(1024);
    let (start, mut ticked) = (Instant::now(), Instant::now());
    let mut worked = None;
    for slot in &mut slots {
        serve(slot, &mut shared, Connection::send);
    }
    while slots.iter().any(Option::is_some) {
        if let Err(error) = poll.poll(&mut events, Some(TICK))
            && error.kind() != io::ErrorKind::Interrupted
        {
            return Err(error).context("waiting for events");
        }
        for event in &events {
            serve(&mut slots[event.token().0], &mut shared, Connection::receive);
        }
        if worked.is_none() && is_over(&shared, start.elapsed()) {
            worked = Some(start.elapsed());
            shared.stage = Stage::Finish;
        }
        if ticked.elapsed() < TICK {
            continue;
        }
        ticked = Instant::now();
        if watch(start.elapsed(), &shared.stats) && worked.is_none() {
            worked = Some(start.elapsed());
            shared.stage = Stage::Finish;
        }
        let after = worked.map_or(Duration::ZERO, |worked| start.elapsed().saturating_sub(worked));
        if after > FINISH_LIMIT {
            shared.stage = Stage::Hurry;
        }
        check_stalls(&mut slots, &mut shared, after > LEAVE_LIMIT);
    }
    Ok(LoadOutcome { worked: worked.unwrap_or_else(|| start.elapsed()), stats: shared.stats })
}

fn connect(address: SocketAddr, plan: &LoadPlan, poll: &Poll) -> anyhow::Result<Vec<ClientSlot>> {
    let both = Interest::READABLE | Interest::WRITABLE;
    (0..plan.clients)
        .map(|number| {
            let mut connection =
                Connection::open(address).with_context(|| format!("client {number}"))?;
            poll.registry().register(connection.stream(), Token(number), both)?;
            Ok(Some((LoadClient::new(number, plan.seed), connection)))
        })
        .collect()
}

fn is_over(shared: &Shared, elapsed: Duration) -> bool {
    elapsed >= shared.plan.duration || shared.stats.replies() >= shared.plan.replies_max
}

/// Ends clients that have waited too long for a reply, and continues clients that have waited for other
/// clients.
fn check_stalls(slots: &mut [ClientSlot], shared: &mut Shared, is_late: bool) {
    for slot in slots {
        let Some((client, connection)) = slot else { continue };
        let stalled = client.stalled(shared.plan.stall).map(ToString::to_string);
        let left = || client.oldest().map_or_else(|| "its end".to_owned(), ToString::to_string);
        if let Some(request) = stalled.or_else(|| is_late.then(left)) {
            let client = client.number();
            let (received, unsent) = connection.pending();
            shared.stats.violate(Violation::Stall { client, request, received, unsent });
            leave(slot, shared);
            continue;
        }
        serve(slot, shared, Connection::send);
    }
}

/// Takes the replies of one client, and sends its next requests.
fn serve(
    slot: &mut ClientSlot,
    shared: &mut Shared,
    first: impl FnOnce(&mut Connection) -> io::Result<()>,
) {
    let Some((client, connection)) = slot else { return };
    let received = first(connection);
    // Replies that arrived before the end of the connection count.
    let outcome = take_all(client, connection, shared).and(received).and_then(|()| {
        client.fill(shared, connection.output());
        connection.send()
    });
    let (number, is_done) = (client.number(), client.is_done() && shared.stage != Stage::Work);
    if let Err(error) = &outcome {
        let error = error.to_string();
        shared.stats.violate(Violation::Lost { client: number, error });
    }
    if is_done || outcome.is_err() {
        leave(slot, shared);
    }
}

fn take_all(
    client: &mut LoadClient,
    connection: &mut Connection,
    shared: &mut Shared,
) -> io::Result<()> {
    while let Some(reply) = connection.reply()? {
        client.take(&reply, shared);
    }
    Ok(())
}

/// Ends the client and the connection of a slot.
fn leave(slot: &mut ClientSlot, shared: &mut Shared) {
    if let Some((mut client, _)) = slot.take() {
        client.leave(shared);
    }
}

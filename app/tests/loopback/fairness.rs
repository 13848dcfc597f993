//! Tests of the number of turns that a client must wait while a crowd of clients overloads the server.

use std::cell::Cell;

use crate::harness::{Client, World};

/// Number of clients that send continuously.
const CROWD: usize = 100;

/// Maximum turns from the request of a client to its reply. The first turn receives the request.
const TURNS_MAX: usize = 3;

/// Microseconds between two readings of the clock: four requests on a slow machine.
const LOOK_US: u64 = 50;

std::thread_local! {
    static CLOCK: Cell<u64> = const { Cell::new(0) };
}

fn clock() -> u64 {
    CLOCK.set(CLOCK.get() + LOOK_US);
    CLOCK.get()
}

/// Takes a turn whose duration follows from the readings of the clock.
fn step(world: &mut World) {
    let now_us = world.now_us();
    CLOCK.set(now_us);
    world.step();
    world.advance(CLOCK.get() - now_us);
}

/// Returns the turns until a number of bytes has arrived.
fn turns(world: &mut World, client: &mut Client, bytes: usize) -> usize {
    (1..1000)
        .find(|_| {
            step(world);
            world.received(client) >= bytes
        })
        .expect("the reply comes")
}

/// Sends a request and returns the turns until its reply arrives.
fn ask(world: &mut World, client: &mut Client, request: &[u8], reply: &[u8]) -> usize {
    assert_eq!(world.push(client, request), request.len());
    world.send_only();
    let turns = turns(world, client, reply.len());
    assert_eq!(world.take(client, usize::MAX), reply);
    turns
}

/// Returns clients that have each sent thousands of requests and do not read the replies.
fn crowd(world: &mut World) -> Vec<Client> {
    let crowd: Vec<Client> = (0..CROWD).map(|_| world.connect()).collect();
    let requests = b"PING\r\n".repeat(9000);
    for client in &crowd {
        world.push(client, &requests);
    }
    // After these turns, all requests have arrived, but few have been executed.
    (0..40).for_each(|_| step(world));
    crowd
}

fn served(world: &mut World, crowd: &mut [Client]) -> Vec<usize> {
    crowd.iter_mut().map(|client| world.received(client)).collect()
}

#[test]
fn clients_that_do_not_read_delay_others_by_few_turns() {
    let mut world = World::with("requirepass=secret", 4096).with_clock(clock);
    let mut client = world.connect();
    world.ok(&mut client, "AUTH secret");
    let mut crowd = crowd(&mut world);
    for _ in 0..20 {
        let turns = ask(&mut world, &mut client, b"PING\r\n", b"+PONG\r\n");
        assert!(turns <= TURNS_MAX, "PING took {turns} turns");
    }
    let mut new = world.dial();
    let turns = (1..1000).find(|_| {
        step(&mut world);
        world.socket(&new).may_send()
    });
    assert!(turns.unwrap() <= TURNS_MAX, "the connection took {turns:?} turns");
    for (request, reply) in
        [(&b"AUTH secret\r\n"[..], &b"+OK\r\n"[..]), (b"PING\r\n", b"+PONG\r\n")]
    {
        let turns = ask(&mut world, &mut new, request, reply);
        assert!(turns <= TURNS_MAX, "{} took {turns} turns", request.escape_ascii());
    }
    // Each client of the unauthenticated crowd gets replies, too.
    let before = served(&mut world, &mut crowd);
    (0..2 * CROWD).for_each(|_| step(&mut world));
    let after = served(&mut world, &mut crowd);
    for (before, after) in before.into_iter().zip(after) {
        assert!(after > before, "a stranger has had no turn: {before} bytes");
    }
}

#[test]
fn clients_with_long_pipelines_delay_others_by_few_turns() {
    let mut world = World::new().with_clock(clock);
    let mut client = world.connect();
    let mut crowd = crowd(&mut world);
    for _ in 0..20 {
        let turns = ask(&mut world, &mut client, b"PING\r\n", b"+PONG\r\n");
        assert!(turns <= TURNS_MAX, "PING took {turns} turns");
    }
    let before = served(&mut world, &mut crowd);
    (0..2 * CROWD).for_each(|_| step(&mut world));
    let after = served(&mut world, &mut crowd);
    for (before, after) in before.into_iter().zip(after) {
        assert!(after > before, "a client has had no turn: {before} bytes");
    }
}

#[test]
fn strangers_do_not_delay_a_pipeline_of_a_client() {
    let mut world = World::with("requirepass=secret", 4096).with_clock(clock);
    let mut client = world.connect();
    world.ok(&mut client, "AUTH secret");
    let (requests, replies) = (b"PING\r\n".repeat(500), b"+PONG\r\n".repeat(500));
    let alone = ask(&mut world, &mut client, &requests, &replies);
    let _crowd = crowd(&mut world);
    let turns = ask(&mut world, &mut client, &requests, &replies);
    assert!(turns <= 2 * alone + TURNS_MAX, "500 requests took {turns} turns, and {alone} before");
}

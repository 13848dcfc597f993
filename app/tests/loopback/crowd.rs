//! Many clients at once.

use crate::harness::{Client, World};
use crate::value::Value;

fn pong() -> Value {
    Value::Status("PONG".into())
}

#[test]
fn sixty_four_clients_and_one_too_many() {
    let mut world = World::with("clients=64", 8192);
    let mut clients: Vec<Client> = (0..64).map(|_| world.connect()).collect();
    let mut late = world.connect();
    world.sleep(1);
    assert_eq!(
        world.raw(&mut late),
        b"-ERR max number of clients reached\r\n",
        "the 65th is told so"
    );
    assert!(world.is_closed(&late));
    for client in &mut clients {
        assert_eq!(world.ask(client, "PING"), pong());
    }
    // The entry of an ended connection in the client list is reused.
    let gone = clients.pop().unwrap();
    world.close(&gone);
    world.settle();
    let mut next = world.connect();
    assert_eq!(world.ask(&mut next, "PING"), pong());
    assert_eq!(world.counter(&mut next, "connections_refused"), 1);
    assert_eq!(world.counter(&mut next, "clients"), 64);
}

#[test]
fn sixty_four_that_dial_at_the_same_instant() {
    let mut world = World::with("clients=64", 8192);
    let mut clients: Vec<Client> = (0..64).map(|_| world.dial()).collect();
    for client in &mut clients {
        world.wait("a connection", |world| world.socket(client).may_send());
        assert_eq!(world.ask(client, "PING"), pong());
    }
}

#[test]
fn sixty_four_that_vanish_with_a_hundred_regions_each() {
    let mut world = World::with("", 20_000);
    let mut witness = world.connect();
    let before = counts(&world.check(&mut witness));
    for round in 0..2 {
        let mut clients: Vec<Client> = (0..63).map(|_| world.connect()).collect();
        for client in &mut clients {
            world.send(client, b"VMALLOC 4096\r\n".repeat(100).as_slice());
        }
        for client in &mut clients {
            for _ in 0..100 {
                assert!(matches!(world.reply(client), Value::Array(_)));
            }
        }
        assert!(world.check(&mut witness).starts_with("OK areas=6300 "));
        for client in &clients {
            world.reset(client);
        }
        world.settle();
        world.purge(&mut witness);
        assert_eq!(counts(&world.check(&mut witness)), before, "round {round}");
    }
}

#[test]
fn idle_clients_cost_a_busy_one_only_time() {
    let mut world = World::with("", 8192);
    let _idle: Vec<Client> = (0..63).map(|_| world.connect()).collect();
    let mut busy = world.connect();
    for round in 0..200 {
        world.ok(&mut busy, &format!("VMALLOC 4096 NAME k:{} REPLACE", round % 7));
    }
    assert_eq!(world.ask(&mut busy, "DBSIZE"), Value::Integer(7));
}

#[test]
fn half_open_handshakes_do_not_block_new_connections() {
    let mut world = World::with("clients=4", 1024);
    for _ in 0..200 {
        let client = world.dial();
        // The client sends a SYN. The answer is lost, and the client drops the connection.
        world.send_only();
        world.reset(&client);
        world.forget(client);
        world.silent_step(50);
    }
    let mut client = world.connect();
    assert_eq!(world.ask(&mut client, "PING"), pong());
}

#[test]
fn a_thousand_half_open_handshakes_cost_no_other_client() {
    let mut world = World::new();
    let mut old = world.connect();
    world.ok(&mut old, "VMALLOC 4096 NAME kept");
    for number in 0..1000 {
        let client = world.dial();
        world.send_only();
        // The RST that the client sends is lost, too.
        world.forget(client);
        world.silent_step(50);
        if number % 100 == 99 {
            assert_eq!(world.ask(&mut old, "PING"), pong(), "after {number}");
        }
    }
    // A client that connects among them is served, and so are reports.
    let mut new = world.connect();
    assert_eq!(world.ask(&mut new, "PING"), pong());
    let mut reader = world.connect_to(runtime_config::ports::HTTP);
    world.send(&mut reader, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    world.wait("an answer", |world| world.received(&mut reader) > 0);
    assert_eq!(world.counter(&mut new, "connections_lost"), 0);
    assert_eq!(world.counter(&mut old, "clients"), 2);
    let waiting = world.counter(&mut old, "resp_sockets_handshaking");
    // The remaining SYNs were answered with cookies, which need no socket.
    assert_eq!(waiting, 64, "handshakes with a socket");
    // Handshakes that are never finished are dropped.
    world.sleep(90);
    assert_eq!(world.counter(&mut old, "resp_sockets_handshaking"), 0);
}

#[test]
fn a_client_whose_packets_overtake_the_ends_of_others_is_served() {
    let mut world = World::with("clients=64", 8192);
    let old: Vec<Client> = (0..64).map(|_| world.connect()).collect();
    // All slots are in use when the new clients connect. The old ones have disconnected, but the relay delivers the packets
    // of new connections first.
    for client in &old {
        world.close(client);
    }
    world.send_only();
    let ends: Vec<_> = world.end.outgoing().drain(..).collect();
    assert_eq!(ends.len(), 64);
    let mut new: Vec<Client> = (0..32).map(|_| world.dial()).collect();
    for client in &new {
        world.wait("a connection", |world| world.socket(client).may_send());
    }
    world.end.outgoing().extend(ends);
    for client in &mut new {
        assert_eq!(world.ask(client, "PING"), pong());
    }
    assert_eq!(world.counter(&mut new[0], "connections_refused"), 0);
    assert_eq!(world.counter(&mut new[0], "ended_peer_closed"), 64);
}

#[test]
fn a_late_turn_that_has_not_seen_all_ended_connections_refuses_no_client() {
    thread_local!(static CLOCK: std::cell::Cell<u64> = const { std::cell::Cell::new(0) });
    // Each reading of the clock adds 3 ms, so a turn is late after one client.
    let clock = || CLOCK.with(|now| now.replace(now.get() + 3_000));
    let mut world = World::with("clients=8", 8192).with_clock(clock);
    for _ in 0..20 {
        let old: Vec<Client> = (0..8).map(|_| world.connect()).collect();
        for client in &old {
            world.push(client, b"PING\r\n");
            world.close(client);
        }
        world.send_only();
        // All new clients have connected before the server has seen the end of most old ones.
        let mut new: Vec<Client> = (0..8).map(|_| world.dial()).collect();
        for client in &mut new {
            world.wait("a connection", |world| world.socket(client).may_send());
            assert_eq!(world.ask(client, "PING"), pong());
        }
        assert_eq!(world.counter(&mut new[0], "connections_refused"), 0);
        for client in new {
            world.close(&client);
        }
        world.settle();
    }
}

#[test]
fn two_hundred_that_dial_at_the_same_instant() {
    let mut world = World::with("clients=200", 16_384);
    let mut clients: Vec<Client> = (0..200).map(|_| world.dial()).collect();
    for client in &mut clients {
        world.wait("a connection", |world| {
            assert!(world.socket(client).is_open(), "a connection was reset");
            world.socket(client).may_send()
        });
        assert_eq!(world.ask(client, "PING"), pong());
    }
    let client = &mut clients[0];
    assert_eq!(world.counter(client, "connections"), 200);
    assert_eq!(world.counter(client, "connections_refused"), 0);
}

#[test]
fn more_connections_than_sockets_one_after_the_other() {
    let mut world = World::with("clients=2", 1024);
    for number in 0..300 {
        let mut client = world.connect();
        assert_eq!(world.ask(&mut client, "PING"), pong());
        match number % 3 {
            0 => world.close(&client),
            1 => world.reset(&client),
            _ => {
                world.ask(&mut client, "QUIT");
                world.wait("the end", |world| !world.socket(&client).may_recv());
                world.close(&client);
            }
        }
        world.settle();
        world.forget(client);
    }
    let mut client = world.connect();
    assert_eq!(world.counter(&mut client, "connections"), 301);
}

#[test]
fn a_turn_that_takes_too_long_leaves_the_rest_to_the_next() {
    let mut world = World::new().with_clock(|| u64::MAX);
    let mut greedy = [world.connect(), world.connect()];
    let mut modest = world.connect();
    for client in &mut greedy {
        world.send(client, b"PING\r\n".repeat(800).as_slice());
    }
    world.send(&mut modest, b"PING\r\n");
    let mut turns = 0;
    while world.received(&mut modest) == 0 {
        world.step();
        turns += 1;
    }
    assert!(turns < 10, "an answer after {turns} turns");
    for client in &mut greedy {
        assert!(world.received(client) < 100 * 7, "four requests a turn are served");
    }
    for client in &mut greedy {
        for _ in 0..800 {
            assert_eq!(world.reply(client), pong());
        }
    }
}

#[test]
fn a_server_at_rest_sleeps() {
    let mut world = World::new();
    let mut idle = world.connect();
    assert_eq!(world.ask(&mut idle, "PING"), pong());
    // A connection that was closed here is in TIME-WAIT. One whose peer never answers the FIN lingers.
    let mut left = world.connect();
    world.ask(&mut left, "QUIT");
    // The client waits, so that TIME-WAIT outlasts the timeout of a closing connection.
    world.sleep(5);
    world.close(&left);
    let mut stuck = world.connect();
    world.ask(&mut stuck, "QUIT");
    world.settle();
    let turns = world.sleep(60);
    assert!(turns < 60, "{turns} turns in a minute with nothing to do");
    assert_eq!(world.ask(&mut idle, "PING"), pong());
}

#[test]
fn as_many_come_at_the_moment_when_fifty_leave() {
    let mut world = World::with("", 8192);
    for _ in 0..5 {
        let old: Vec<Client> = (0..50).map(|_| world.connect()).collect();
        for client in &old {
            world.close(client);
        }
        let mut new: Vec<Client> = (0..50).map(|_| world.dial()).collect();
        for client in &mut new {
            world.wait("a connection", |world| world.socket(client).may_send());
            assert_eq!(world.ask(client, "PING"), pong());
        }
        for client in &new {
            world.close(client);
        }
        world.settle();
        new.into_iter().chain(old).for_each(|client| world.forget(client));
    }
}

#[test]
fn a_server_whose_device_is_full_sleeps_and_continues() {
    let mut world = World::new();
    let mut clients: Vec<_> = (0..4).map(|_| world.connect()).collect();
    world.ok(&mut clients[0], "VMALLOC 60000 NAME large");
    for client in &clients {
        world.push(client, b"VREAD @large 0 60000\r\n");
    }
    world.send_only();
    let turns = world.stall(2);
    assert!(turns < 4_000, "{turns} turns in 2 s with a full ring");
    for client in &mut clients {
        assert_eq!(world.reply(client), Value::Bulk(vec![0; 60_000]));
    }
}

fn counts(text: &str) -> String {
    text.split(" generation").next().unwrap().to_owned()
}

//! Tests of idle connections and of the ways in which connections end.

use smoltcp::time::Duration;

use crate::harness::{Client, World};
use crate::value::Value;

const DAY: u64 = 24 * 3600;

fn pong() -> Value {
    Value::Status("PONG".into())
}

/// Makes the peer vanish: no packet reaches its port from now on.
fn kill_machine_of(world: &mut World, client: &Client) {
    let port = world.socket(client).local_endpoint().unwrap().port;
    world.end.dead_ports.push(port);
}

#[test]
fn a_day_of_silence_costs_only_probes() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 4096");
    let turns = world.sleep(DAY);
    assert!(turns > DAY / 300, "{turns} turns in a day: no peer was probed");
    assert!(turns < 20 * DAY / 300, "{turns} turns in a day");
    assert_eq!(world.ok(&mut client, "VFREE 1"), Value::Integer(1));
}

#[test]
fn a_day_of_silence_is_survived_where_no_probe_is_answered() {
    let mut world = World::new();
    world.end.loses_probes = true;
    let mut used = world.connect();
    world.ok(&mut used, "VMALLOC 4096");
    let mut unused = world.connect();
    world.sleep(DAY);
    assert_eq!(world.ok(&mut used, "VFREE 1"), Value::Integer(1));
    // This client has not sent a byte since it connected, and must stay connected as well.
    assert_eq!(world.ask(&mut unused, "PING"), pong());
    assert_eq!(world.counter(&mut used, "ended_timed_out"), 0);
}

#[test]
fn a_request_during_the_wait_for_an_answer_is_no_answer() {
    let mut world = World::with("tcp-keepalive=10", 1024);
    world.end.loses_probes = true;
    let mut client = world.connect();
    let mut other = world.connect();
    for _ in 0..20 {
        world.sleep(15);
        // A probe is unanswered, and then the client sends a request.
        assert_eq!(world.ask(&mut client, "PING"), pong());
    }
    world.sleep(1000);
    assert_eq!(world.ask(&mut other, "PING"), pong());
    assert_eq!(world.counter(&mut client, "ended_timed_out"), 0);
}

#[test]
fn a_machine_that_is_gone_is_given_up_where_it_has_answered_before() {
    let mut world = World::with("tcp-keepalive=100", 1024);
    let mut witness = world.connect();
    let mut gone = world.connect();
    world.ok(&mut gone, "VMALLOC 4096");
    // The client answers a probe.
    world.sleep(150);
    kill_machine_of(&mut world, &gone);
    world.sleep(300);
    assert_eq!(world.counter(&mut witness, "clients"), 2);
    world.sleep(100);
    assert_eq!(world.counter(&mut witness, "clients"), 1);
    assert_eq!(world.counter(&mut witness, "ended_timed_out"), 1);
    assert!(world.check(&mut witness).starts_with("OK areas=0 "));
}

#[test]
fn a_late_acknowledgement_is_no_answer() {
    let mut world = World::with("tcp-keepalive=10", 1024);
    world.end.loses_probes = true;
    let mut witness = world.connect();
    let mut late = world.connect();
    world.ok(&mut late, "VMALLOC 4096");
    // The request arrives, but packets with its reply are lost until the time of the first probe.
    world.send(&mut late, b"PING\r\n");
    world.send_only();
    kill_machine_of(&mut world, &late);
    world.sleep(30);
    world.end.dead_ports.clear();
    // At this time, the time between two retransmissions has doubled seven times.
    world.sleep(25);
    assert_eq!(world.reply(&mut late), pong());
    world.sleep(1000);
    assert_eq!(world.counter(&mut witness, "ended_timed_out"), 0);
    assert_eq!(world.ok(&mut late, "VFREE 1"), Value::Integer(1));
}

#[test]
fn a_peer_that_probes_has_not_answered_a_probe() {
    let mut world = World::with("tcp-keepalive=100", 1024);
    world.end.loses_probes = true;
    let mut witness = world.connect();
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 4096");
    world.socket(&client).set_keep_alive(Some(Duration::from_secs(10)));
    // The client is never silent long enough for a probe.
    world.sleep(300);
    kill_machine_of(&mut world, &client);
    world.sleep(5000);
    assert_eq!(world.counter(&mut witness, "clients"), 2);
    assert_eq!(world.counter(&mut witness, "ended_timed_out"), 0);
}

#[test]
fn the_answers_of_one_peer_are_no_evidence_for_another() {
    let mut world = World::with("tcp-keepalive=100", 1024);
    let mut witness = world.connect();
    let mut silent = world.connect();
    assert_eq!(world.ask(&mut silent, "PING"), pong());
    world.settle();
    // This client is behind a relay that keeps the connection, but does not answer probes.
    kill_machine_of(&mut world, &silent);
    // The second client answers its probes.
    world.sleep(5000);
    assert_eq!(world.counter(&mut witness, "clients"), 2);
    assert_eq!(world.counter(&mut witness, "ended_timed_out"), 0);
}

#[test]
fn without_probes_only_a_peer_that_owes_an_answer_is_given_up() {
    let mut world = World::with("tcp-keepalive=0", 1024);
    let mut witness = world.connect();
    let (mut idle, mut owing) = (world.connect(), world.connect());
    for client in [&mut idle, &mut owing] {
        assert_eq!(world.ask(client, "PING"), pong());
    }
    world.settle();
    // The request of one client arrives, but its reply is lost.
    world.send(&mut owing, b"PING\r\n");
    world.send_only();
    kill_machine_of(&mut world, &idle);
    kill_machine_of(&mut world, &owing);
    world.sleep(100);
    assert_eq!(world.counter(&mut witness, "clients"), 3);
    world.sleep(50);
    assert_eq!(world.counter(&mut witness, "ended_timed_out"), 1);
    // The machine of the client would retransmit forever.
    world.forget(owing);
    let turns = world.sleep(DAY);
    assert!(turns < 100, "{turns} turns in a day with nothing to do");
    assert_eq!(world.counter(&mut witness, "clients"), 2);
}

#[test]
fn a_peer_with_a_closed_window_is_kept_if_no_probe_is_answered() {
    let mut world = World::new();
    world.end.loses_probes = true;
    let (mut client, mut witness) = (world.connect(), world.connect());
    world.ok(&mut client, "VMALLOC 4096 NAME a");
    // The client requests more than its window and the buffers hold, and does not read. No reply is streamed from a region,
    // because such replies have a separate time limit.
    let requests = b"VREAD @a 0 4096\r\n".repeat(100);
    let mut taken = 0;
    for _ in 0..2000 {
        taken += world.push(&client, &requests[taken..]);
        world.step();
    }
    assert!(world.counter(&mut witness, "commands") < 100, "every reply fits into the buffers");
    // From now on, the window probes of the server are lost.
    kill_machine_of(&mut world, &client);
    world.sleep(3600);
    assert_eq!(world.counter(&mut witness, "clients"), 2);
    assert_eq!(world.counter(&mut witness, "ended_timed_out"), 0);
}

#[test]
fn a_peer_that_goes_on_after_a_long_stop_is_served_on() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 4096 NAME a");
    let requests = b"VREAD @a 0 4096\r\n".repeat(100);
    let mut taken = 0;
    for _ in 0..2000 {
        taken += world.push(&client, &requests[taken..]);
        world.step();
    }
    // This time is longer than the timeout for an acknowledgement.
    world.sleep(500);
    for _ in 0..100 {
        assert_eq!(world.reply(&mut client), Value::Bulk(vec![0; 4096]));
    }
    assert_eq!(world.counter(&mut client, "ended_timed_out"), 0);
}

#[test]
fn every_end_has_its_reason() {
    let mut world = World::with("clients=3", 1024);
    let mut witness = world.connect();
    let mut killed = world.connect();
    world.ok(&mut killed, "CLIENT SETNAME victim");
    let id = world.ok(&mut killed, "CLIENT ID").integer();
    world.ok(&mut witness, &format!("CLIENT KILL ID {id}"));
    world.settle();
    let mut quits = world.connect();
    world.ok(&mut quits, "QUIT");
    world.settle();
    let closes = world.connect();
    world.close(&closes);
    world.settle();
    let resets = world.connect();
    world.settle();
    world.reset(&resets);
    world.settle();
    let mut broken = world.connect();
    world.send(&mut broken, b"*1\r\n!\r\n");
    world.settle();
    let (_one, _other) = (world.connect(), world.connect());
    world.connect();
    world.sleep(1);
    for (reason, count) in [
        ("peer_closed", 1),
        ("quit", 1),
        ("killed", 1),
        ("protocol_error", 1),
        ("reset", 1),
        ("timed_out", 0),
        ("refused", 1),
    ] {
        assert_eq!(world.counter(&mut witness, &format!("ended_{reason}")), count, "{reason}");
    }
    let info = world.ok(&mut witness, "INFO net").text();
    assert!(info.contains("ended_protocol_error:1"), "{info}");
}

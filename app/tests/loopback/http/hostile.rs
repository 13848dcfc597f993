//! Tests that misbehaving HTTP clients affect only their own connection.

use runtime_config::limits::HTTP_HEAD_BYTES_MAX;
use runtime_config::ports;

use super::HEALTH;
use super::reader::Reader;
use crate::harness::{Client, World};
use crate::value::Value;

fn pong() -> Value {
    Value::Status("PONG".into())
}

#[test]
fn a_head_that_is_too_long() {
    for size in [HTTP_HEAD_BYTES_MAX, 3 * HTTP_HEAD_BYTES_MAX] {
        let mut world = World::new();
        let mut reader = Reader::connect(&mut world);
        let text = format!("GET /healthz HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(size));
        let answer = reader.ask(&mut world, &text);
        assert_eq!((answer.status, answer.field("connection")), (431, Some("close")));
        reader.expect_end(&mut world);
    }
    // This head has the maximum size.
    let mut world = World::new();
    let mut reader = Reader::connect(&mut world);
    let front = "GET /healthz HTTP/1.1\r\nHost: a\r\nX: ";
    let size = HTTP_HEAD_BYTES_MAX - front.len() - 4;
    let answer = reader.ask(&mut world, &format!("{front}{}\r\n\r\n", "x".repeat(size)));
    assert_eq!(answer.status, 200);
}

#[test]
fn a_head_that_never_ends_is_cut_off() {
    let mut world = World::new();
    let mut witness = world.connect();
    let mut silent = Reader::connect(&mut world);
    let mut slow = Reader::connect(&mut world);
    let mut bytes = 0;
    // A byte per second is progress, but too slow.
    for second in 0..15 {
        if slow.is_drained(&mut world) {
            assert!(second <= 11, "{bytes} bytes in {second} seconds");
            slow.send(&mut world, &HEALTH[bytes..=bytes]);
            bytes += 1;
        }
        world.sleep(1);
    }
    assert!(bytes >= 9, "cut off after {bytes} seconds");
    silent.expect_end(&mut world);
    let answer = slow.answer(&mut world);
    assert_eq!((answer.status, answer.field("connection")), (408, Some("close")));
    slow.expect_end(&mut world);
    assert_eq!(world.counter(&mut witness, "http_timeouts"), 2);
    assert_eq!(world.counter(&mut witness, "http_clients"), 0);
}

#[test]
fn an_idle_connection_is_closed() {
    let mut world = World::new();
    let mut witness = world.connect();
    let mut reader = Reader::connect(&mut world);
    for _ in 0..3 {
        assert_eq!(reader.get(&mut world, "/healthz").status, 200);
        world.sleep(25);
    }
    assert!(!world.has_ended(&reader.client));
    world.sleep(10);
    reader.expect_end(&mut world);
    assert_eq!(world.counter(&mut witness, "http_timeouts"), 1);
}

#[test]
fn a_reader_that_does_not_read_delays_no_other_reader() {
    let mut world = World::with("", 20_000);
    let mut client = world.connect();
    for number in 0..3000 {
        world.ok(&mut client, &format!("VMALLOC 1 NAME a-rather-long-name-for-a-region-{number}"));
    }
    let frames = world.counter(&mut client, "frames_free");
    let stuck = world.connect_to(ports::HTTP);
    world.push(&stuck, b"GET /vmallocinfo HTTP/1.1\r\nHost: a\r\n\r\n");
    for _ in 0..200 {
        world.step();
    }
    assert_eq!(world.ask(&mut client, "PING"), pong());
    let mut reader = Reader::connect(&mut world);
    assert_eq!(reader.get(&mut world, "/vmallocinfo").text().lines().count(), 3000);
    let sent = world.counter(&mut client, "http_bytes_sent");
    assert_eq!(world.counter(&mut client, "frames_free"), frames, "an answer takes memory");
    world.settle();
    let turns = world.sleep(30);
    assert!(turns < 200, "{turns} turns in 30 s for a reader that does not read");
    assert_eq!(world.counter(&mut client, "http_bytes_sent"), sent);
    // The reader has read no byte for a minute, so its slot is given to another one.
    world.sleep(40);
    assert_eq!(world.counter(&mut client, "http_clients"), 0);
    assert_eq!(world.ask(&mut client, "PING"), pong());
}

#[test]
fn a_long_report_is_spread_over_turns() {
    let mut world = World::with("", 20_000);
    let mut client = world.connect();
    for number in 0..2000 {
        world.ok(&mut client, &format!("VMALLOC 1 NAME {number}"));
    }
    let mut reader = Reader::connect(&mut world);
    reader.send(&mut world, "GET /vmallocinfo HTTP/1.0\r\n\r\n");
    let mut turns = 0;
    while !world.has_ended(&reader.client) {
        world.step();
        reader.is_drained(&mut world);
        turns += 1;
    }
    // A report writes at most 64 rows per turn.
    assert!(turns > 2000 / 64, "2000 rows in {turns} turns");
}

#[test]
fn a_hundred_readers_one_after_the_other_and_forty_at_once() {
    let mut world = World::new();
    for number in 0..100 {
        let mut reader = Reader::connect(&mut world);
        let close = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        assert_eq!(reader.ask(&mut world, close).status, 200, "{number}");
        reader.expect_end(&mut world);
        reader.finish(&mut world);
        world.settle();
    }
    let dialled: Vec<Client> = (0..40).map(|_| world.dial_to(ports::HTTP)).collect();
    let mut client = world.connect();
    assert_eq!(world.ask(&mut client, "PING"), pong());
    world.settle();
    dialled.into_iter().for_each(|client| world.reset(&client));
    world.settle();
    let mut reader = Reader::connect(&mut world);
    assert_eq!(reader.get(&mut world, "/healthz").status, 200);
}

#[test]
fn half_open_readers_do_not_block_new_connections() {
    let mut world = World::with("clients=4", 1024);
    let mut client = world.connect();
    for _ in 0..200 {
        let reader = world.dial_to(ports::HTTP);
        // The client sends a SYN. The answer is lost, and the client drops the connection.
        world.send_only();
        world.reset(&reader);
        world.forget(reader);
        world.silent_step(50);
    }
    assert_eq!(world.ask(&mut client, "PING"), pong());
    let mut reader = Reader::connect(&mut world);
    assert_eq!(reader.get(&mut world, "/healthz").status, 200);
}

#[test]
fn readers_that_vanish_leak_no_connection() {
    let mut world = World::new();
    let mut client = world.connect();
    for number in 0..60 {
        let mut reader = Reader::connect(&mut world);
        let part = HEALTH.len() * number / 60;
        reader.send(&mut world, &HEALTH[..part]);
        world.step();
        world.reset(&reader.client);
        world.settle();
    }
    assert_eq!(world.counter(&mut client, "http_clients"), 0);
    assert_eq!(world.counter(&mut client, "http_refused"), 0);
}

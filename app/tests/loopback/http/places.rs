//! The allocation and eviction of HTTP connections.

use runtime_config::limits::{HTTP_CLIENTS, HTTP_RESERVED};
use runtime_config::ports;

use super::HEALTH;
use super::reader::Reader;
use crate::harness::{Client, World};
use crate::value::Value;

/// Number of connections of viewers that stay open between two requests.
const IDLE: usize = 30;

/// Number of reports that are served at the same time.
const REPORTS: usize = HTTP_CLIENTS - HTTP_RESERVED;

const METRICS: &str = "GET /metrics HTTP/1.0\r\n\r\n";

fn connect(world: &mut World, count: usize) -> Vec<Reader> {
    (0..count).map(|_| Reader::connect(world)).collect()
}

/// Returns a test world in which `count` HTTP connections have requested a report and do not read it.
fn world_with_deaf_readers(count: usize) -> (World, Vec<Client>) {
    let mut world = World::with("", 20_000);
    let mut client = world.connect();
    for number in 0..3000 {
        world.ok(&mut client, &format!("VMALLOC 1 NAME a-rather-long-name-for-a-region-{number}"));
    }
    let readers = (0..count).map(|_| {
        let reader = world.connect_to(ports::HTTP);
        world.push(&reader, b"GET /vmallocinfo HTTP/1.1\r\nHost: a\r\n\r\n");
        reader
    });
    let readers = readers.collect();
    for _ in 0..400 {
        world.step();
    }
    (world, readers)
}

#[test]
fn idle_connections_give_way_to_monitoring() {
    let mut world = World::new();
    let mut client = world.connect();
    let mut idle = connect(&mut world, IDLE);
    for reader in &mut idle {
        assert_eq!(reader.get(&mut world, "/healthz").field("connection"), Some("keep-alive"));
    }
    for round in 0..20 {
        let mut readers = connect(&mut world, 12);
        for reader in &mut readers {
            reader.send(&mut world, METRICS);
        }
        for mut reader in readers {
            let answer = reader.answer_to_end(&mut world);
            assert_eq!(answer.status, 200, "in round {round}");
            assert!(answer.text().ends_with('\n'));
            reader.finish(&mut world);
        }
    }
    assert_eq!(world.counter(&mut client, "http_refused"), 0);
    assert!(world.counter(&mut client, "http_evicted") >= IDLE as u64 - HTTP_CLIENTS as u64);
}

#[test]
fn the_connection_that_is_idle_for_longest_gives_way() {
    let mut world = World::new();
    let mut client = world.connect();
    let mut readers = Vec::new();
    for _ in 0..HTTP_CLIENTS {
        let mut reader = Reader::connect(&mut world);
        assert_eq!(reader.get(&mut world, "/healthz").status, 200);
        readers.push(reader);
        world.pass(1);
    }
    // The first connection is used again, so the second one is the oldest.
    assert_eq!(readers[0].get(&mut world, "/healthz").status, 200);
    let mut late = Reader::connect(&mut world);
    assert_eq!(late.get(&mut world, "/healthz").status, 200);
    readers.remove(1).expect_end(&mut world);
    for reader in &mut readers {
        assert_eq!(reader.get(&mut world, "/healthz").status, 200);
    }
    assert_eq!(world.counter(&mut client, "http_evicted"), 1);
    assert_eq!(world.counter(&mut client, "http_timeouts"), 0);
}

#[test]
fn heads_that_do_not_come_give_way_after_a_second() {
    let mut world = World::with("clients=4", 1024);
    let mut silent = connect(&mut world, HTTP_CLIENTS);
    for reader in &mut silent {
        reader.send(&mut world, &HEALTH[..20]);
    }
    let before_us = world.now_us();
    let mut late = Reader::connect(&mut world);
    assert_eq!(late.get(&mut world, "/healthz").status, 200);
    let waited_us = world.now_us() - before_us;
    assert!((900_000..2_000_000).contains(&waited_us), "waited {waited_us} us");
    let mut clients: Vec<Client> = (0..4).map(|_| world.connect()).collect();
    for client in &mut clients {
        assert_eq!(world.ask(client, "PING"), Value::Status("PONG".into()));
    }
    // While no further connection waits, idle connections stay open for ten seconds.
    let mut cut = silent.remove(0);
    assert_eq!(cut.answer(&mut world).status, 408);
    cut.expect_end(&mut world);
    world.pass(3);
    for reader in &mut silent {
        reader.send(&mut world, &HEALTH[20..]);
        assert_eq!(reader.answer(&mut world).status, 200);
    }
}

#[test]
fn reports_leave_places_to_monitoring() {
    let (mut world, _deaf) = world_with_deaf_readers(REPORTS);
    let mut client = world.connect();
    let mut viewer = Reader::connect(&mut world);
    let answer = viewer.get(&mut world, "/api/stats.json");
    assert_eq!(answer.status, 503);
    assert_eq!(answer.field("connection"), Some("close"));
    assert_eq!(answer.field("retry-after"), Some("1"));
    viewer.expect_end(&mut world);
    for _ in 0..2 {
        let mut monitors = connect(&mut world, HTTP_RESERVED);
        for path in ["/metrics", "/healthz"] {
            for monitor in &mut monitors {
                assert_eq!(monitor.get(&mut world, path).status, 200, "{path}");
            }
        }
    }
    assert_eq!(world.counter(&mut client, "http_refused"), 1);
}

#[test]
fn peers_that_do_not_read_give_way_after_five_seconds() {
    let (mut world, deaf) = world_with_deaf_readers(REPORTS);
    // The stopped readers also occupy the reserved HTTP connections, because they have requested a report for
    // monitoring systems.
    for _ in 0..HTTP_RESERVED {
        let reader = world.connect_to(ports::HTTP);
        world.push(&reader, HEALTH.replace("/healthz", "/metrics").repeat(200).as_bytes());
    }
    for _ in 0..400 {
        world.step();
    }
    let before_us = world.now_us();
    let mut late = Reader::connect(&mut world);
    assert_eq!(late.get(&mut world, "/metrics").status, 200);
    let waited_us = world.now_us() - before_us;
    assert!((4_000_000..5_000_000).contains(&waited_us), "waited {waited_us} us");
    let open = deaf.iter().filter(|reader| !world.has_ended(reader)).count();
    assert_eq!(open, REPORTS, "the buffers of an evicted connection are not delivered");
}

#[test]
fn a_connection_that_waits_in_vain_is_refused() {
    // Peers that read slowly but steadily keep their slots.
    let (mut world, mut deaf) = world_with_deaf_readers(REPORTS);
    for _ in 0..HTTP_RESERVED {
        let reader = world.connect_to(ports::HTTP);
        world.push(&reader, HEALTH.replace("/healthz", "/metrics").repeat(400).as_bytes());
        deaf.push(reader);
    }
    let mut late = Reader::connect(&mut world);
    late.send(&mut world, HEALTH);
    for _ in 0..7 {
        for reader in &mut deaf {
            world.take(reader, usize::MAX);
        }
        world.pass(1);
    }
    let answer = late.answer(&mut world);
    assert_eq!((answer.status, answer.field("retry-after")), (503, Some("1")));
    late.expect_end(&mut world);
}

#[test]
fn idle_connections_cost_no_turns() {
    let mut world = World::new();
    let mut idle = connect(&mut world, HTTP_CLIENTS);
    for reader in &mut idle {
        assert_eq!(reader.get(&mut world, "/healthz").status, 200);
    }
    world.settle();
    let turns = world.sleep(10);
    assert!(turns < 100, "{turns} turns in 10 s for idle connections");
}

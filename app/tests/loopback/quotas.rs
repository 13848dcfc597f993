//! Tests of the limits for a single client.

use crate::harness::{Client, World, multibulk};
use crate::value::Value;

#[test]
fn a_connection_has_its_quota_and_no_more() {
    let mut world = World::with("quota.regions=2 quota.bytes=40960 quota.named=16384", 4_000);
    let (mut one, mut other) = (world.connect(), world.connect());
    world.ok(&mut one, "VMALLOC 8192");
    let error = world.error(&mut one, "VMALLOC 36K");
    assert_eq!(error, "QUOTA bytes wanted=36864 used=8192 limit=40960");
    assert_eq!(world.ok(&mut one, "VMALLOC 36K SOFT"), Value::Null);
    let error = world.error(&mut one, "VREALLOC 1 44K");
    assert_eq!(error, "QUOTA bytes wanted=36864 used=8192 limit=40960");
    world.ok(&mut one, "VREALLOC 1 28K");
    world.ok(&mut one, "VMALLOC 4K");
    assert_eq!(world.error(&mut one, "VMALLOC 1"), "QUOTA regions wanted=1 used=2 limit=2");
    assert!(world.error(&mut other, "VMALLOCN 3 1").starts_with("QUOTA regions "));
    world.ok(&mut other, "VMALLOC 36K");
    // Named regions count towards the quota, too.
    world.ok(&mut other, "VMALLOC 12K NAME a");
    let error = world.error(&mut one, "SET b 12345678901234567890 ");
    assert!(error.starts_with("ERR"), "{error}");
    world.ok(&mut one, "SET b x");
    let error = world.error(&mut one, "VMALLOC 1 NAME c");
    assert_eq!(error, "QUOTA named bytes wanted=4096 used=16384 limit=16384");
    // String keys report the error of Redis.
    let oom = "OOM command not allowed when used memory > 'maxmemory'.";
    assert_eq!(world.error(&mut one, "SET c x"), oom);
    assert_eq!(world.error(&mut one, "SETRANGE b 5000 x"), oom);
    let quota = world.ok(&mut one, "VQUOTA");
    for (field, value) in [("regions_used", 2), ("bytes_used", 32_768), ("named_used", 16_384)] {
        assert_eq!(quota.field(field).integer(), value, "{field}");
    }
    world.reset(&one);
    world.settle();
    let mut third = world.connect();
    assert_eq!(world.ok(&mut third, "VQUOTA GET").field("bytes_used").integer(), 0);
    world.ok(&mut third, "VQUOTA SET BYTES 0 REGIONS 0");
    world.ok(&mut third, "VMALLOCN 100 1");
    world.check(&mut third);
}

/// Frames of a machine on which the quota is the limiting resource.
const FRAMES: u64 = 12_000;

const MIB: u64 = 1 << 20;

/// Tests a server with one CPU, then one whose APs need several steps for offloaded work.
fn each_world(line: &str, mut test: impl FnMut(&mut World)) {
    let line = format!("clients=16 {line}");
    test(&mut World::with(&line, FRAMES));
    test(&mut World::with_helpers(&line, FRAMES, 3, 40));
}

fn used(world: &mut World, client: &mut Client, field: &str) -> u64 {
    world.ok(client, "VQUOTA").field(field).integer()
}

/// Sends one request from each of many connections before the server sees any of them. Returns the replies, and the
/// maximum bytes of all regions at one time.
fn all_at_once(world: &mut World, lines: &[String]) -> (Vec<Value>, u64) {
    let mut clients: Vec<Client> = lines.iter().map(|_| world.connect()).collect();
    for (client, line) in clients.iter().zip(lines) {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let bytes = multibulk(&words);
        assert_eq!(world.push(client, &bytes), bytes.len());
    }
    let (before, mut peak) = (world.vm().stats().pages_mapped, 0);
    world.wait("all replies", |world| {
        peak = peak.max(world.vm().stats().pages_mapped);
        clients.iter_mut().all(|client| world.received(client) > 0)
    });
    let replies = clients.iter_mut().map(|client| world.reply(client)).collect();
    (replies, peak.saturating_sub(before) * 4096)
}

fn refused(replies: &[Value], word: &str) -> usize {
    let is_refused = |reply: &&Value| matches!(reply, Value::Error(text) if text.starts_with(word));
    replies.iter().filter(is_refused).count()
}

#[test]
fn regions_in_flight_count_against_the_quota_of_named_ones() {
    each_world("quota.named=10485760", |world| {
        let mut judge = world.connect();
        let lines: Vec<String> = (0..8).map(|at| format!("VMALLOC 4M NAME q{at}")).collect();
        let (replies, peak) = all_at_once(world, &lines);
        assert_eq!(refused(&replies, "QUOTA named bytes wanted=4194304 "), 6, "{replies:?}");
        assert_eq!(peak, 8 * MIB, "no more is made than may be had");
        assert_eq!(used(world, &mut judge, "named_used"), 8 * MIB);
        assert!(world.check(&mut judge).starts_with("OK areas=2 "));
    });
}

#[test]
fn values_in_flight_count_against_the_quota_of_named_ones() {
    let mut world = World::with("clients=16 quota.named=1048576", FRAMES);
    let mut judge = world.connect();
    let mut clients: Vec<Client> = (0..8).map(|_| world.connect()).collect();
    let value = vec![b'x'; 400 << 10];
    for (at, client) in clients.iter_mut().enumerate() {
        let request = multibulk(&[b"SET", format!("k{at}").as_bytes(), &value]);
        world.send(client, &request[..request.len() / 2]);
    }
    world.settle();
    assert_eq!(used(&mut world, &mut judge, "named_used"), 2 * (400 << 10));
    // When a client disconnects, its share becomes available to another client.
    world.reset(&clients[0]);
    world.settle();
    assert_eq!(used(&mut world, &mut judge, "named_used"), 400 << 10);
    world.ok(&mut judge, "VMALLOC 600K NAME other");
    for (at, client) in clients.iter_mut().enumerate().skip(1) {
        let request = multibulk(&[b"SET", format!("k{at}").as_bytes(), &value]);
        world.send(client, &request[request.len() / 2..]);
    }
    let replies: Vec<Value> = clients[1..].iter_mut().map(|client| world.reply(client)).collect();
    assert_eq!(replies.iter().filter(|reply| **reply == Value::Status("OK".into())).count(), 1);
    assert_eq!(used(&mut world, &mut judge, "named_used"), 1000 << 10);
    assert!(world.check(&mut judge).starts_with("OK areas=2 "));
}

#[test]
fn growths_in_flight_count_against_the_quota_of_named_ones() {
    each_world("quota.named=10485760", |world| {
        let mut judge = world.connect();
        for at in 0..4 {
            world.ok(&mut judge, &format!("SET k{at} x"));
        }
        let lines: Vec<String> = (0..4)
            .map(|at| match at % 2 {
                0 => format!("VREALLOC @k{at} 4M"),
                _ => format!("SETRANGE k{at} 4194303 x"),
            })
            .collect();
        let (replies, _) = all_at_once(world, &lines);
        let is_refused = |reply: &&Value| matches!(reply, Value::Error(_));
        assert_eq!(replies.iter().filter(is_refused).count(), 2, "{replies:?}");
        assert_eq!(used(world, &mut judge, "named_used"), 8 * MIB + 2 * 4096);
        world.check(&mut judge);
    });
}

#[test]
fn ended_connections_release_their_reservations() {
    each_world("quota.named=25165824 quota.bytes=8388608", |world| {
        let mut judge = world.connect();
        for line in ["VMALLOC 8M NAME k", "VMALLOC 8M", "VREALLOC @big 20M", "VMALLOCN 100 80K"] {
            world.ok(&mut judge, "VMALLOC 12M NAME big");
            for _ in 0..3 {
                let mut client = world.connect();
                let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
                world.send(&mut client, &multibulk(&words));
                for _ in 0..3 {
                    world.step();
                }
                assert!(matches!(used(world, &mut judge, "named_used") / MIB, 12 | 20), "{line}");
                world.reset(&client);
                // Waits until the APs are done.
                for _ in 0..200 {
                    world.step();
                }
                let mut next = world.connect();
                assert_eq!(used(world, &mut next, "bytes_used"), 0, "{line}");
                assert_eq!(used(world, &mut next, "regions_used"), 0, "{line}");
                world.forget(next);
            }
            // An offloaded growth is completed even if its client has disconnected.
            world.ok(&mut judge, "VREALLOC @big 12M");
            assert_eq!(used(world, &mut judge, "named_used"), 12 * MIB, "{line}");
            world.ok(&mut judge, "VMALLOC 12M NAME all");
            world.ok(&mut judge, "DEL big all");
        }
    });
}

#[test]
fn a_failed_reservation_is_rolled_back() {
    let cases = [
        ("frame", "VMALLOC 4M NAME k", "VMALLOC 8M NAME other"),
        ("table", "VMALLOC 4M NAME k", "VMALLOC 8M NAME other"),
        ("region", "VMALLOC 4M NAME k", "VMALLOC 8M NAME other"),
        ("area", "VMALLOC 4M NAME k", "VMALLOC 8M NAME other"),
        ("frame", "VMALLOC 4M LEASE 10000", "VMALLOC 8M"),
        ("frame", "VMALLOCN 8 1M", "VMALLOC 8M"),
        ("region", "VMALLOCN 8 4K LEASE 10000", "VMALLOC 8M"),
    ];
    each_world("quota.named=8388608 quota.bytes=8388608", |world| {
        let mut client = world.connect();
        for (site, line, other) in cases {
            for nth in 1..=3 {
                world.ok(&mut client, &format!("VINJECT {site} {nth}"));
                let reply = world.ask(&mut client, line);
                world.ok(&mut client, &format!("VINJECT {site} 0"));
                if !matches!(reply, Value::Error(_)) {
                    world.ok(&mut client, "VFREEALL");
                    world.ok(&mut client, "DEL k");
                }
                for field in ["regions_used", "bytes_used", "named_used"] {
                    assert_eq!(used(world, &mut client, field), 0, "{site} {nth} {line}");
                }
            }
            world.ok(&mut client, other);
            world.ok(&mut client, "VFREEALL");
            world.ok(&mut client, "DEL other");
        }
    });
}

#[test]
fn a_resize_is_charged_by_its_difference() {
    let mut world = World::with("quota.regions=1 quota.bytes=8192 quota.named=8192", FRAMES);
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 8K");
    world.ok(&mut client, "SET k x");
    world.ok(&mut client, "VREALLOC @k 8K");
    for (line, bytes) in [
        ("VREALLOC 1 1", 4096),
        ("VREALLOC 1 8K", 8192),
        ("VREALLOC 1 4097", 8192),
        ("VREALLOC @k 1", 4096),
        ("VREALLOC @k 8K", 8192),
    ] {
        assert_eq!(world.ok(&mut client, line).items()[2].integer(), bytes, "{line}");
    }
    let error = world.error(&mut client, "VREALLOC 1 8193");
    assert_eq!(error, "QUOTA bytes wanted=4096 used=8192 limit=8192");
    let error = world.error(&mut client, "VREALLOC @k 8193");
    assert_eq!(error, "QUOTA named bytes wanted=4096 used=8192 limit=8192");
    // This also holds if a limit was lowered below the current use.
    world.ok(&mut client, "VQUOTA SET BYTES 1 REGIONS 1 NAMED 1");
    world.ok(&mut client, "VREALLOC 1 4096");
    world.ok(&mut client, "VREALLOC @k 4096");
    assert_eq!(used(&mut world, &mut client, "bytes_used"), 4096);
    assert_eq!(used(&mut world, &mut client, "named_used"), 4096);
}

#[test]
fn a_replacement_is_charged_by_its_difference() {
    each_world("quota.named=8388608", |world| {
        let mut client = world.connect();
        world.ok(&mut client, "VMALLOC 8M NAME k");
        world.ok(&mut client, "SET k short");
        assert_eq!(used(world, &mut client, "named_used"), 4096);
        world.ok(&mut client, "VMALLOC 8M NAME k REPLACE");
        world.ok(&mut client, "VMALLOC 8M NAME k REPLACE");
        let error = world.error(&mut client, "VMALLOC 8193K NAME k REPLACE");
        assert_eq!(error, "QUOTA named bytes wanted=4096 used=8388608 limit=8388608");
        assert_eq!(used(world, &mut client, "named_used"), 8 * MIB);
    });
}

#[test]
fn a_region_makes_room_for_one_replacement_in_flight() {
    each_world("quota.named=8388608", |world| {
        let mut judge = world.connect();
        world.ok(&mut judge, "VMALLOC 8M NAME k");
        let lines = vec!["VMALLOC 8M NAME k REPLACE".to_owned(); 6];
        let (replies, peak) = all_at_once(world, &lines);
        assert_eq!(refused(&replies, "QUOTA named bytes wanted=8388608 "), 5, "{replies:?}");
        assert!(peak <= 8 * MIB, "one beside the one that it replaces, not {peak} bytes");
        assert_eq!(used(world, &mut judge, "named_used"), 8 * MIB);
        // A client that disconnects before its replacement releases its share for the next one.
        let client = world.connect();
        world.push(&client, &multibulk(&[b"VMALLOC", b"8M", b"NAME", b"k", b"REPLACE"]));
        for _ in 0..3 {
            world.step();
        }
        world.reset(&client);
        for _ in 0..200 {
            world.step();
        }
        world.ok(&mut judge, "VMALLOC 8M NAME k REPLACE");
    });
}

#[test]
fn room_that_a_replacement_relied_on_and_another_took_is_not_given_twice() {
    each_world("quota.named=8388608", |world| {
        let (mut one, mut other) = (world.connect(), world.connect());
        world.ok(&mut other, "VMALLOC 8M NAME k");
        world.send(&mut one, &multibulk(&[b"VMALLOC", b"8M", b"NAME", b"k", b"REPLACE"]));
        for _ in 0..3 {
            world.step();
        }
        assert_eq!(world.received(&mut one), 0, "it is in flight");
        world.ok(&mut other, "DEL k");
        world.ok(&mut other, "VMALLOC 200K NAME other");
        let reply = world.reply(&mut one);
        assert_eq!(refused(&[reply], "QUOTA named bytes wanted=8388608 used=204800 "), 1);
        assert_eq!(used(world, &mut other, "named_used"), 204_800);
        assert!(world.check(&mut other).starts_with("OK areas=1 "));
    });
}

#[test]
fn names_in_flight_count_against_their_limit() {
    each_world("names=3", |world| {
        let lines: Vec<String> = (0..8).map(|at| format!("VMALLOC 2M NAME q{at}")).collect();
        let (replies, _) = all_at_once(world, &lines);
        assert_eq!(refused(&replies, "QUOTA names all 3 taken"), 5, "{replies:?}");
        // Refused requests did no work.
        let mut client = world.connect();
        assert_eq!(world.ok(&mut client, "DBSIZE").integer(), 3);
        assert_eq!(world.counter(&mut client, "areas_lazy"), 0);
        world.ok(&mut client, "DEL q0 q1 q2 q3 q4 q5 q6 q7");
        for at in 0..3 {
            world.ok(&mut client, &format!("SET k{at} x"));
        }
    });
    // Two names of 512 bytes use all memory for long names.
    each_world("names=16", |world| {
        let lines: Vec<String> = (0..5).map(|at| format!("VMALLOC 2M NAME {at:0>512}")).collect();
        let (replies, _) = all_at_once(world, &lines);
        assert_eq!(refused(&replies, "QUOTA bytes of long names all 960 taken"), 3, "{replies:?}");
        let mut client = world.connect();
        assert_eq!(world.counter(&mut client, "areas_lazy"), 0);
    });
}

#[test]
fn leases_in_flight_count_against_their_limit() {
    let mut world = World::with("clients=4", 30_000);
    let (mut one, mut other) = (world.connect(), world.connect());
    for _ in 0..15 {
        world.ok(&mut one, "VMALLOCN 1024 1 LEASE 1000000");
    }
    world.ok(&mut one, "VMALLOCN 1023 1 LEASE 1000000");
    // A batch gets all its leases, or fails without a region.
    assert_eq!(world.error(&mut one, "VMALLOCN 2 1 LEASE 1000000"), "QUOTA leases all 16384 taken");
    assert_eq!(world.ok(&mut one, "VMALLOCN 2 1 LEASE 1000000 SOFT"), Value::Null);
    world.send(&mut one, &multibulk(&[b"VMALLOC", b"32M", b"LEASE", b"1000000"]));
    for _ in 0..3 {
        world.step();
    }
    let error = world.error(&mut other, "VMALLOC 1 LEASE 1000000");
    assert_eq!(error, "QUOTA leases all 16384 taken");
    assert_eq!(world.received(&mut one), 0, "it is in flight");
    world.reply(&mut one);
    assert!(world.check(&mut one).starts_with("OK areas=16384 "));
}

#[test]
fn a_batch_is_refused_before_its_first_region_or_gets_as_many_as_fit() {
    let mut world = World::with("quota.regions=10 quota.bytes=81920", FRAMES);
    let mut client = world.connect();
    let error = world.error(&mut client, "VMALLOCN 11 1");
    assert_eq!(error, "QUOTA regions wanted=11 used=0 limit=10");
    let error = world.error(&mut client, "VMALLOCN 5 20K");
    assert_eq!(error, "QUOTA bytes wanted=102400 used=0 limit=81920");
    assert_eq!(world.counter(&mut client, "areas_lazy"), 0);
    assert_eq!(world.ok(&mut client, "VMALLOCN 5 20K PARTIAL").items().len(), 4);
    let error = world.error(&mut client, "VMALLOCN 5 20K PARTIAL");
    assert_eq!(error, "QUOTA bytes wanted=20480 used=81920 limit=81920");
    world.ok(&mut client, "VFREEALL");
    assert_eq!(world.ok(&mut client, "VMALLOCN 12 1 PARTIAL").items().len(), 10);
}

//! `VFILL` and `VSUM`.

use crate::harness::{Client, World};
use crate::value::Value;

#[test]
fn bytes_are_filled_and_summed_up() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 10000 NAME a");
    world.ok(&mut client, "VWRITE @a 4092 123456789");
    // The check value of CRC-64/XZ.
    assert_eq!(world.ok(&mut client, "VSUM @a 4092 9").text(), "995dc9bbdf1939fa");
    assert_eq!(world.ok(&mut client, "VFILL @a 4090 5 120").integer(), 5);
    let bytes = world.ok(&mut client, "VREAD @a 4089 8");
    assert_eq!(bytes, Value::Bulk(b"\0xxxxx45".to_vec()));
    assert_eq!(world.ok(&mut client, "VSUM @a 9999 0").text(), "0000000000000000");
    let range = "RANGE region=1 name=a offset=9999 length=2 requested=10000";
    assert_eq!(world.error(&mut client, "VFILL @a 9999 2 1"), range);
    assert_eq!(world.error(&mut client, "VSUM @a 9999 2"), range);
    world.ok(&mut client, "VPROT @a ro");
    let fault = "FAULT region=1 name=a offset=0 access=write";
    assert_eq!(world.error(&mut client, "VFILL @a 0 2 1"), fault);
    world.ok(&mut client, "VPROT @a none");
    let fault = "FAULT region=1 name=a offset=0 access=read";
    assert_eq!(world.error(&mut client, "VSUM @a"), fault);
}

#[test]
fn long_sweeps_are_sliced_and_notice_concurrent_changes() {
    for (line, change, expected) in [
        ("VSUM @a", "VFREE @a", "NOENT region 1 is gone"),
        ("VFILL @a 0 8M 7", "VREALLOC @a 1M", "RANGE region=1 name=a "),
    ] {
        let mut world = World::new();
        let (mut one, mut other) = (world.connect(), world.connect());
        world.ok(&mut one, "VMALLOC 8M NAME a");
        world.send(&mut one, format!("{line}\r\n").as_bytes());
        for _ in 0..4 {
            world.step();
        }
        assert_eq!(world.received(&mut one), 0, "{line}");
        world.ok(&mut other, change);
        let reply = world.reply(&mut one);
        assert!(matches!(&reply, Value::Error(text) if text.starts_with(expected)), "{reply:?}");
        world.check(&mut other);
    }
}

/// Returns the state of keys, quotas and memory that a client can observe.
fn state(world: &mut World, client: &mut Client) -> Vec<String> {
    let keys = world.ok(client, "SCAN 0 COUNT 100");
    let mut keys: Vec<String> = keys.items()[1].items().iter().map(Value::text).collect();
    keys.sort();
    let mut seen = vec![format!("{:?}", world.ok(client, "VQUOTA"))];
    for key in keys {
        for line in [format!("VSUM @{key}"), format!("STRLEN {key}"), format!("PTTL {key}")] {
            let value = world.ok(client, &line);
            let lease = line.starts_with("PTTL") && matches!(value, Value::Integer(_));
            seen.push(if lease { format!("{line}: leased") } else { format!("{line}: {value:?}") });
        }
    }
    world.purge(client);
    seen.push(world.check(client).split(" generation").next().unwrap().to_owned());
    seen
}

/// A reservation may fail at any step. After the error the state is unchanged.
#[test]
fn a_reservation_that_fails_at_any_step_has_no_effect() {
    for helpers in [0, 1] {
        let mut world = match helpers {
            0 => World::with("clients=4 names=32", 6000),
            _ => World::with_helpers("clients=4 names=32", 6000, 1, 5),
        };
        let (mut client, mut witness) = (world.connect(), world.connect());
        let lines = [
            "SET k other",
            "SET new x",
            "SET k other EX 100",
            "APPEND k more",
            "APPEND new x",
            "SETRANGE k 9000 x",
            "SETRANGE new 9000 x",
            "SETRANGE new 3000000 x",
            "SETRANGE k 3000000 x",
            "SETRANGE empty 3000000 x",
            "VREALLOC @k 9000",
            "VREALLOC @k 3M",
            "VREALLOC @k 9000 COPY",
            "VREALLOC @large 5000",
            "VMALLOC 9000 NAME k REPLACE",
            "VMALLOC 3M NAME new",
            "VMALLOCN 20 9000",
            "VPROT @large ro",
        ];
        let mut failed = 0;
        for line in lines {
            for kind in ["region", "area", "frame", "table"] {
                for number in 1..40 {
                    world.ok(&mut witness, "SET k hello PX 1000000");
                    world.request(&mut witness, &[b"SET", b"empty", b""]);
                    world.ok(&mut witness, "VMALLOC 3M NAME large REPLACE");
                    world.settle();
                    let before = state(&mut world, &mut witness);
                    world.ok(&mut client, &format!("VINJECT {kind} {number}"));
                    let reply = world.ask(&mut client, line);
                    world.ok(&mut client, &format!("VINJECT {kind} 0"));
                    if !matches!(reply, Value::Error(_)) {
                        world.ok(&mut client, "VFREEALL");
                        world.ok(&mut client, "DEL new");
                        break;
                    }
                    failed += 1;
                    world.settle();
                    let case = format!("{line}, {kind} {number}: {reply:?}");
                    assert_eq!(state(&mut world, &mut witness), before, "{case}");
                }
            }
        }
        assert!(failed > 20, "{failed} failures");
        // Every name except `k`, `empty` and `large` is available: no failure has reserved one.
        for number in 3..32 {
            world.ok(&mut client, &format!("SET one-more-{number} x"));
        }
    }
}

#[test]
fn a_failed_write_far_behind_the_end_of_a_missing_key_creates_no_key() {
    for helpers in [0, 1] {
        let mut world = match helpers {
            0 => World::with("", 4000),
            _ => World::with_helpers("", 4000, 1, 5),
        };
        let mut client = world.connect();
        world.ok(&mut client, "VMALLOC 8M");
        let before = state(&mut world, &mut client);
        for (offset, expected) in [
            // The value would be longer than `proto-max-bulk-len`, however much memory is free.
            (600_000_000, "ERR string exceeds maximum allowed size (proto-max-bulk-len)"),
            // The growth fails, because fewer frames are free than the value needs.
            (10_000_000, "OOM command not allowed when used memory > 'maxmemory'."),
        ] {
            let error = world.error(&mut client, &format!("SETRANGE new {offset} x"));
            assert_eq!(error, expected);
            assert_eq!(world.ok(&mut client, "EXISTS new"), Value::Integer(0), "{offset}");
            assert_eq!(state(&mut world, &mut client), before, "{offset}");
        }
        // The next request is not parsed as the rest of the failed one.
        assert_eq!(world.ok(&mut client, "APPEND new ab"), Value::Integer(2));
        assert_eq!(world.ok(&mut client, "SETRANGE other 3000000 x"), Value::Integer(3_000_001));
        // A client that disconnects at any step leaves no key, or the complete key.
        for steps in 0..16 {
            let mut gone = world.connect();
            world.send(&mut gone, b"SETRANGE half 2000000 x\r\n");
            (0..steps).for_each(|_| world.step());
            world.reset(&gone);
            world.settle();
            if world.ok(&mut client, "EXISTS half") == Value::Integer(1) {
                let last = world.ok(&mut client, "GETRANGE half 2000000 -1");
                assert_eq!(last.text(), "x", "{steps} steps, {helpers} helpers");
                world.ok(&mut client, "DEL half");
            }
        }
        world.check(&mut client);
    }
}

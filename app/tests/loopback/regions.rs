//! The conversation of the README, and the memory of regions.

use crate::harness::World;
use crate::value::Value;

#[test]
fn the_conversation() {
    let mut world = World::new();
    let mut client = world.connect();
    let region = |id, address: &str, bytes| {
        Value::Array(vec![Value::Integer(id), Value::Bulk(address.into()), Value::Integer(bytes)])
    };
    // The window is empty, because the simulated image has no regions.
    assert_eq!(
        world.ok(&mut client, "VZALLOC 10000 ALIGN 64K NODE 0 NAME buf"),
        region(1, "0xffffc90000000000", 12288)
    );
    assert_eq!(
        world.ok(&mut client, "VMALLOC 4096 NAME next"),
        region(2, "0xffffc90000004000", 4096)
    );
    assert_eq!(
        world.error(&mut client, "VWRITE @buf 9998 abcd"),
        "RANGE region=1 name=buf offset=9998 length=4 requested=10000"
    );
    assert_eq!(
        world.ok(&mut client, "VPROBE 0xffffc90000003000 w"),
        Value::Bulk(b"fault guard region=1 name=buf past_end=2288".to_vec())
    );
    assert_eq!(world.ok(&mut client, "VFREE @buf @next"), Value::Integer(2));
    assert!(world.error(&mut client, "VMALLOC 1T").starts_with("TOOBIG 1T exceeds "));
    assert!(world.check(&mut client).starts_with("OK areas=0 lazy="));
}

#[test]
fn zeroed_before_it_changes_hands() {
    let mut world = World::with("clients=2", 700);
    let mut client = world.connect();
    for round in 0..20 {
        let id = world.ok(&mut client, "VMALLOC 2M NOZERO").items()[0].integer();
        let expected = Value::Bulk(vec![0; 1 << 20]);
        for offset in ["0", "1M"] {
            assert!(world.ok(&mut client, &format!("VREAD {id} {offset} 1M")) == expected);
        }
        let data = vec![b'x'; 60_000];
        for offset in [0usize, 1_000_000, 2_000_000] {
            let (id, offset) = (id.to_string(), offset.to_string());
            let arguments = [&b"VWRITE"[..], id.as_bytes(), offset.as_bytes(), &data];
            assert_eq!(world.request(&mut client, &arguments), Value::Integer(60_000), "{round}");
        }
        world.ok(&mut client, &format!("VFREE {id}"));
    }
}

#[test]
fn all_of_memory_twice() {
    let mut world = World::with("clients=2", 700);
    let mut client = world.connect();
    let mut counts = Vec::new();
    for _ in 0..3 {
        let mut ids = Vec::new();
        let error = loop {
            match world.ask(&mut client, "VMALLOC 4096") {
                Value::Array(items) => ids.push(items[0].integer()),
                other => break other.text(),
            }
        };
        assert!(error.starts_with("NOMEM need "), "{error}");
        counts.push(ids.len());
        let (odd, even): (Vec<u64>, Vec<u64>) = ids.iter().partition(|id| *id % 2 == 1);
        for id in even {
            world.ok(&mut client, &format!("VFREE {id}"));
        }
        // Every second frame is free, so no two free frames are adjacent.
        let half = odd.len() as u64 * 9 / 10;
        let big = world.ok(&mut client, &format!("VMALLOC {}", half * 4096)).items()[0].integer();
        for page in 0..half {
            let value = format!("{page:08}");
            world.ok(&mut client, &format!("VWRITE {big} {} {value}", page * 4096 + 4088));
        }
        for page in 0..half {
            let line = format!("VREAD {big} {} 8", page * 4096 + 4088);
            assert_eq!(world.ok(&mut client, &line).text(), format!("{page:08}"));
        }
        world.ok(&mut client, &format!("VFREE {big}"));
        for id in odd {
            world.ok(&mut client, &format!("VFREE {id}"));
        }
        world.purge(&mut client);
        world.check(&mut client);
    }
    assert_eq!(counts[1], counts[2]);
}

#[test]
fn probes() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 5000 PROT ro");
    world.ok(&mut client, "VMALLOC 5000 NAME rw");
    let cases = [
        ("0xffffc90000000000 r", "ok"),
        ("0xffffc90000000000 w", "fault read-only region=1 offset=0"),
        ("0xffffc90000001fff W", "fault read-only region=1 offset=8191"),
        ("0xffffc90000000000 x", "fault no-execute region=1 offset=0"),
        ("0xffffc90000002000 r", "fault guard region=1 past_end=3192"),
        ("0xffffc90000002fff w", "fault guard region=1 past_end=7287"),
        ("0xffffc90000003000 w", "ok"),
        ("0xffffc90000005000 x", "fault guard region=2 name=rw past_end=3192"),
        ("0xffffc90000006000 r", "fault free"),
        ("0xffff800000000000 r", "fault outside"),
        ("0 r", "fault outside"),
    ];
    for (line, expected) in cases {
        assert_eq!(world.ok(&mut client, &format!("VPROBE {line}")).text(), expected, "{line}");
    }
    world.ok(&mut client, "VFREE 1");
    for (line, lazy) in [
        ("0xffffc90000001000 r", "fault lazy region=1 offset=4096"),
        ("0xffffc90000002000 w", "fault lazy region=1 offset=8192"),
    ] {
        assert_eq!(world.ok(&mut client, &format!("VPROBE {line}")).text(), lazy, "{line}");
    }
    world.ok(&mut client, "VPURGE");
    for line in ["0xffffc90000001000 r", "0xffffc90000002000 w"] {
        let probe = world.ok(&mut client, &format!("VPROBE {line}"));
        assert_eq!(probe.text(), "fault free", "{line}");
    }
}

#[test]
fn a_request_that_fails_halfway_leaks_no_memory() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 1 NAME keep");
    // A page table that has had two regions keeps the page that distinguishes them.
    world.ok(&mut client, "VMALLOC 1 NAME keep REPLACE");
    world.purge(&mut client);
    let before = counts(&world.check(&mut client));
    for kind in vmalloc::Reservation::ALL {
        for number in 1.. {
            world.vm().modes().inject(kind, number);
            let reply = world.ask(&mut client, "VMALLOC 20000 ALIGN 4M NAME keep REPLACE");
            world.vm().modes().inject(kind, 0);
            if matches!(reply, Value::Array(_)) {
                assert!(number > 1, "{kind:?} is never reserved");
                world.ok(&mut client, "VMALLOC 1 NAME keep REPLACE");
                break;
            }
            world.purge(&mut client);
            assert_eq!(counts(&world.check(&mut client)), before, "{kind:?} {number}: {reply:?}");
        }
    }
}

fn counts(text: &str) -> String {
    text.split(" generation").next().unwrap().to_owned()
}

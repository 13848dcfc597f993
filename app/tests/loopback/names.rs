//! Names, REPLACE and SOFT.

use crate::harness::World;
use crate::value::Value;

fn id(value: &Value) -> u64 {
    value.items()[0].integer()
}

#[test]
fn a_name_is_taken_once() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 4096 NAME a");
    assert_eq!(world.error(&mut client, "VMALLOC 4096 NAME a"), "EXISTS region=1 name=a");
    assert_eq!(world.ok(&mut client, "VFREE @a"), Value::Integer(1));
    world.ok(&mut client, "VMALLOC 4096 NAME a");
    assert_eq!(world.ask(&mut client, "DBSIZE"), Value::Integer(1));
    world.check(&mut client);
}

#[test]
fn replace_frees_the_old_region_after_the_new_one_is_there() {
    let mut world = World::new();
    let mut client = world.connect();
    let old = id(&world.ok(&mut client, "VMALLOC 4096 NAME a"));
    world.ok(&mut client, "VWRITE @a 0 old");
    let new = id(&world.ok(&mut client, "VMALLOC 8192 NAME a REPLACE"));
    assert_ne!(old, new);
    assert_eq!(
        world.error(&mut client, &format!("VINFO {old}")),
        format!("NOENT region {old} is gone")
    );
    assert_eq!(world.ok(&mut client, "VREAD @a 0 3"), Value::Bulk(vec![0; 3]));
    assert_eq!(world.ok(&mut client, "VINFO @a").field("id"), &Value::Integer(new));
    assert_eq!(world.ask(&mut client, "DBSIZE"), Value::Integer(1));
    assert!(world.check(&mut client).starts_with("OK areas=1 "));
}

#[test]
fn a_replace_that_fails_leaves_the_old_region() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 8M NAME a");
    world.ok(&mut client, "VWRITE @a 5000000 old");
    assert!(world.error(&mut client, "VMALLOC 9M NAME a REPLACE").starts_with("NOMEM need "));
    assert_eq!(world.ok(&mut client, "VMALLOC 9M NAME a REPLACE SOFT"), Value::Null);
    assert_eq!(world.ok(&mut client, "VREAD @a 5000000 3"), Value::Bulk(b"old".to_vec()));
    assert_eq!(world.ok(&mut client, "VINFO @a").field("id"), &Value::Integer(1));
    world.check(&mut client);
}

#[test]
fn names_have_a_limit() {
    let mut world = World::with("names=3", 1024);
    let mut client = world.connect();
    for name in ["a", "b", "c"] {
        world.ok(&mut client, &format!("VMALLOC 1 NAME {name}"));
    }
    assert_eq!(world.error(&mut client, "VMALLOC 1 NAME d"), "QUOTA names all 3 taken");
    assert_eq!(world.ok(&mut client, "VMALLOC 1 NAME d SOFT"), Value::Null);
    world.ok(&mut client, "VMALLOC 1 NAME c REPLACE");
    world.ok(&mut client, "VMALLOC 1");
    world.ok(&mut client, "VFREE @b");
    world.ok(&mut client, "VMALLOC 1 NAME d");
    assert!(world.check(&mut client).starts_with("OK areas=4 "));
}

#[test]
fn regions_have_a_limit() {
    let mut world = World::with("clients=2", 600);
    let mut client = world.connect();
    let limit = u64::from(world.vm().region_limit());
    let mut made = 0;
    let error = loop {
        match world.ask(&mut client, "VMALLOC 1") {
            Value::Array(_) => made += 1,
            other => break other,
        }
        assert!(made <= limit);
    };
    assert!(matches!(error, Value::Error(ref text) if text.starts_with("NOMEM ")), "{error:?}");
    assert_eq!(world.ok(&mut client, "VMALLOC 1 SOFT"), Value::Null);
    world.check(&mut client);
}

#[test]
fn a_name_taken_while_another_region_is_zeroed() {
    let mut world = World::with("clients=4", 8192);
    let mut slow = world.connect();
    let mut quick = world.connect();
    // 3072 pages take 12 turns.
    world.send(&mut slow, b"VMALLOC 12M NAME a\r\n");
    world.step();
    world.step();
    world.ok(&mut quick, "VMALLOC 1 NAME a");
    match world.reply(&mut slow) {
        Value::Error(text) => assert!(text.starts_with("EXISTS region=2 name=a"), "{text}"),
        other => panic!("{other:?}"),
    }
    assert!(world.check(&mut slow).starts_with("OK areas=1 "));
}

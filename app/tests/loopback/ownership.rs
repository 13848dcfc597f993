//! The owner of a region, and the fate of regions when their connection ends.

use crate::harness::World;
use crate::value::Value;

#[test]
fn a_region_without_a_name_is_its_connections_alone() {
    let mut world = World::new();
    let mut owner = world.connect();
    let mut other = world.connect();
    world.ok(&mut owner, "VMALLOC 4096");
    let perm = "PERM region 1 belongs to another connection";
    for line in ["VFREE 1", "VFREE STRICT 1", "VREAD 1 0 1", "VWRITE 1 0 x", "VPTE 1"] {
        assert_eq!(world.error(&mut other, line), perm, "{line}");
    }
    // All ids are checked before the first region is freed.
    world.ok(&mut other, "VMALLOC 4096");
    assert_eq!(world.error(&mut other, "VFREE 2 1"), perm);
    world.ok(&mut other, "VINFO 2");
    assert_eq!(world.ok(&mut other, "VINFO 1").field("owner"), &Value::Integer(1));
    assert_eq!(world.ok(&mut owner, "VFREE 1"), Value::Integer(1));
}

#[test]
fn a_region_with_a_name_is_everybodys() {
    let mut world = World::new();
    let mut owner = world.connect();
    let mut other = world.connect();
    world.ok(&mut owner, "VMALLOC 4096 NAME a");
    world.ok(&mut other, "VWRITE @a 0 hello");
    assert_eq!(world.ok(&mut owner, "VREAD 1 0 5"), Value::Bulk(b"hello".to_vec()));
    world.close(&owner);
    world.settle();
    assert_eq!(world.ok(&mut other, "VREAD @a 0 5"), Value::Bulk(b"hello".to_vec()));
    assert_eq!(world.ok(&mut other, "VFREE @a"), Value::Integer(1));
}

#[test]
fn regions_of_the_image_have_no_client() {
    let mut world = World::new();
    let mut client = world.connect();
    let request = vmalloc::Request::try_new(4096).unwrap().system().caller("net/rx");
    let id = world.vm().allocate(&request).unwrap().into_raw();
    for line in [format!("VFREE {id}"), format!("VREAD {id} 0 1"), format!("VPTE {id}")] {
        let expected = format!("PERM region {id} is the image's own net/rx");
        assert_eq!(world.error(&mut client, &line), expected);
    }
    assert_eq!(world.ok(&mut client, &format!("VINFO {id}")).field("caller").text(), "net/rx");
    assert!(world.check(&mut client).starts_with("OK areas=0 "));
}

/// Allocates 100 regions and a named one, ends the connection by `end`, and checks the remaining regions.
fn leftovers_after(end: impl Fn(&mut World, &mut crate::harness::Client)) {
    let mut world = World::new();
    let mut witness = world.connect();
    let before = world.counter(&mut witness, "frames_free");
    let mut client = world.connect();
    for _ in 0..100 {
        world.ok(&mut client, "VMALLOC 8192");
    }
    world.ok(&mut client, "VMALLOC 4096 NAME kept");
    world.ok(&mut client, "VFREE 50 1 100");
    end(&mut world, &mut client);
    world.settle();
    assert!(world.check(&mut witness).starts_with("OK areas=1 "));
    world.ok(&mut witness, "VFREE @kept");
    world.purge(&mut witness);
    assert_eq!(world.counter(&mut witness, "frames_free"), before);
    assert_eq!(world.counter(&mut witness, "clients"), 1);
}

#[test]
fn regions_go_with_a_fin() {
    leftovers_after(|world, client| world.close(client));
}

#[test]
fn regions_go_with_a_rst() {
    leftovers_after(|world, client| world.reset(client));
}

#[test]
fn regions_go_with_quit() {
    leftovers_after(|world, client| {
        assert_eq!(world.ask(client, "QUIT"), Value::Status("OK".into()));
    });
}

#[test]
fn regions_go_with_a_protocol_error() {
    leftovers_after(|world, client| world.send(client, b"*1\r\n$-1\r\n"));
}

#[test]
fn regions_go_in_the_midst_of_a_request() {
    leftovers_after(|world, client| {
        world.send(client, b"*2\r\n$7\r\nVMALLOC\r\n$4\r\n40");
        world.settle();
        world.reset(client);
    });
}

#[test]
fn regions_go_in_the_midst_of_zeroing() {
    leftovers_after(|world, client| {
        world.send(client, b"VMALLOC 8M\r\n");
        world.step();
        world.step();
        world.reset(client);
    });
}

#[test]
fn a_peer_that_falls_silent_is_given_up() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 4096");
    // The cable is cut: no packet arrives in either direction.
    world.send(&mut client, b"PING\r\n");
    world.send_only();
    for _ in 0..1300 {
        world.silent_step(100_000);
    }
    let mut witness = world.connect();
    assert!(world.check(&mut witness).starts_with("OK areas=0 "));
    assert_eq!(world.counter(&mut witness, "connections_lost"), 1);
}

#[test]
fn a_peer_that_is_only_idle_is_kept() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 4096");
    world.pass(300);
    assert_eq!(world.ok(&mut client, "VFREE 1"), Value::Integer(1));
}

#[test]
fn an_ending_connection_does_not_delay_other_clients() {
    let mut world = World::with("", 40_000);
    let mut client = world.connect();
    for _ in 0..300 {
        let mut bytes = Vec::new();
        for _ in 0..100 {
            bytes.extend_from_slice(b"VMALLOC 1\r\n");
        }
        world.send(&mut client, &bytes);
        for _ in 0..100 {
            world.reply(&mut client);
        }
    }
    let mut witness = world.connect();
    world.reset(&client);
    let mut turns = 0;
    loop {
        world.step();
        turns += 1;
        let left = world.vm().stats().areas;
        if left == 0 {
            break;
        }
        // A slice has 256 pages, and a region counts as its pages plus one.
        assert!(left >= 30_000u64.saturating_sub(turns * 128), "{left} left after {turns} turns");
        assert!(turns < 1000);
    }
    world.check(&mut witness);
}

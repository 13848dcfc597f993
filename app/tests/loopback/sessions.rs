//! What belongs to a connection: its protocol, its password, its name.

use crate::harness::World;

#[test]
fn the_third_version_has_maps_and_nulls() {
    let mut world = World::new();
    let mut client = world.connect();
    world.send(&mut client, b"HELLO 3\r\n");
    let hello = world.raw(&mut client);
    assert!(hello.starts_with(b"%7\r\n$6\r\nserver\r\n"), "{}", hello.escape_ascii());
    for (line, front) in [
        ("VSTATS service", "%"),
        ("CONFIG GET save", "%1\r\n"),
        ("GET none", "_\r\n"),
        ("VMALLOC 4G SOFT", "-TOOBIG"),
        ("VMALLOC 4K", "*3\r\n"),
        ("VINFO 1", "%"),
        ("INFO server", "="),
        ("COMMAND DOCS get", "%1\r\n$3\r\nget\r\n%4\r\n"),
        ("VQUOTA", "%6\r\n"),
        ("RESET", "+RESET\r\n"),
        ("GET none", "$-1\r\n"),
    ] {
        world.send(&mut client, format!("{line}\r\n").as_bytes());
        let reply = world.raw(&mut client);
        assert!(reply.starts_with(front.as_bytes()), "{line}: {}", reply.escape_ascii());
    }
}

#[test]
fn nobody_is_served_without_the_password() {
    let mut world = World::with("requirepass=open-sesame", 4_000);
    let mut client = world.connect();
    for line in ["VMALLOC 1", "GET k", "INFO", "CONFIG GET *", "COMMAND", "RESET"] {
        assert_eq!(world.error(&mut client, line), "NOAUTH Authentication required.", "{line}");
    }
    world.send(&mut client, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\n");
    assert!(world.reply(&mut client).text().starts_with("NOAUTH "));
    world.send(&mut client, &[b'x'; 100_002]);
    assert_eq!(world.ok(&mut client, "PING").text(), "PONG");
    let wrong = "WRONGPASS invalid username-password pair or user is disabled.";
    for line in
        ["AUTH open", "AUTH open-sesame-", "AUTH other open-sesame", "HELLO 3 AUTH default x"]
    {
        assert_eq!(world.error(&mut client, line), wrong, "{line}");
    }
    assert!(world.error(&mut client, "HELLO 3").starts_with("NOAUTH HELLO must be called"));
    assert_eq!(world.ok(&mut client, "AUTH open-sesame").text(), "OK");
    world.ok(&mut client, "VMALLOC 1");
    let all = format!("{:?}", world.ok(&mut client, "CONFIG GET *"));
    assert!(!all.contains("sesame"), "{all}");
    let mut other = world.connect();
    world.ok(&mut other, "HELLO 3 AUTH default open-sesame SETNAME me");
    assert_eq!(world.ok(&mut other, "CLIENT GETNAME").text(), "me");
    let mut open = World::new();
    let mut client = open.connect();
    assert!(open.error(&mut client, "AUTH x").starts_with("ERR AUTH <password> called without"));
}

#[test]
fn connections_are_listed_and_killed() {
    let mut world = World::new();
    let (mut one, mut other, mut third) = (world.connect(), world.connect(), world.connect());
    world.ok(&mut other, "CLIENT SETNAME victim");
    world.ok(&mut other, "VMALLOC 4K");
    let list = world.ok(&mut one, "CLIENT LIST").text();
    assert_eq!(list.lines().count(), 3, "{list}");
    let line = list.lines().find(|line| line.contains("name=victim")).unwrap();
    assert!(line.starts_with("id=2 addr=10.0.2.2:") && line.contains(" cmd=vmalloc "), "{line}");
    for (line, count) in [("ID 2", 1), ("ID 1 3 9", 2), ("TYPE normal", 3), ("TYPE replica", 0)] {
        let list = world.ok(&mut one, &format!("CLIENT LIST {line}")).text();
        assert_eq!(list.lines().count(), count, "{line}: {list}");
    }
    assert_eq!(world.error(&mut one, "CLIENT LIST ID"), "ERR syntax error");
    let info = world.ok(&mut one, "CLIENT INFO").text();
    assert!(
        info.starts_with("id=1 ") && info.contains(" cmd=client user=default resp=2"),
        "{info}"
    );
    assert_eq!(world.ok(&mut one, "CLIENT KILL ID 2").integer(), 1);
    assert_eq!(world.ok(&mut one, "CLIENT KILL ID 2").integer(), 0);
    assert!(world.is_closed(&other));
    assert!(world.check(&mut one).starts_with("OK areas=0 "), "its region is gone");
    let list = world.ok(&mut one, "CLIENT LIST").text();
    let address = list.lines().find(|line| line.starts_with("id=3 ")).unwrap();
    let address = address.split(' ').nth(1).unwrap().trim_start_matches("addr=").to_owned();
    assert_eq!(world.ok(&mut one, &format!("CLIENT KILL {address}")).text(), "OK");
    assert!(world.is_closed(&third));
    assert_eq!(world.error(&mut one, "CLIENT KILL 1.2.3.4:5"), "ERR No such client");
    assert_eq!(world.ok(&mut one, "CLIENT KILL ID 1 SKIPME no").integer(), 1);
    assert!(world.is_closed(&one));
    third = world.connect();
    assert_eq!(world.ok(&mut third, "CLIENT LIST").text().lines().count(), 1);
}

#[test]
fn replies_that_nobody_wants() {
    let mut world = World::new();
    let mut client = world.connect();
    let lines = "CLIENT REPLY SKIP\r\nECHO a\r\nECHO b\r\nCLIENT REPLY OFF\r\nECHO c\r\n\
                 VMALLOC 2M NAME k\r\nVSUM @k\r\nNOSUCH\r\nCLIENT REPLY ON\r\nECHO d\r\n";
    world.send(&mut client, lines.as_bytes());
    let replies = world.raw(&mut client);
    assert_eq!(replies.escape_ascii().to_string(), "$1\\r\\nb\\r\\n+OK\\r\\n$1\\r\\nd\\r\\n");
}

#[test]
fn counters_begin_again() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "PING");
    world.ok(&mut client, "CONFIG RESETSTAT");
    assert!(world.counter(&mut client, "commands") < 3);
    assert_eq!(world.counter(&mut client, "clients"), 1);
}

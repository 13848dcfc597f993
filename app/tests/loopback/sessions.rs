//! The state of a connection: its protocol, its authentication and its name.

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
fn no_client_is_served_without_the_password() {
    let mut world = World::with("requirepass=open-sesame", 4_000);
    let mut client = world.connect();
    for line in ["VMALLOC 1", "GET k", "INFO", "CONFIG GET *", "COMMAND", "PING"] {
        assert_eq!(world.error(&mut client, line), "NOAUTH Authentication required.", "{line}");
    }
    assert_eq!(world.ok(&mut client, "RESET").text(), "RESET");
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
        info.starts_with("id=1 ") && info.contains(" cmd=client|info user=default redir=-1 resp=2"),
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
fn suppressed_replies() {
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

/// All fields of Redis 7.0 in order, then the library fields of 7.2.
#[test]
fn a_line_of_the_client_list_has_every_field() {
    let mut world = World::new();
    let (mut client, mut other) = (world.connect(), world.connect());
    let fields = "id addr laddr fd name age idle flags db sub psub ssub multi qbuf qbuf-free argv-mem \
                  multi-mem rbs rbp obl oll omem tot-mem events cmd user redir resp lib-name lib-ver";
    world.ok(&mut client, "CLIENT SETINFO LIB-NAME some-library");
    world.ok(&mut client, "CLIENT SETINFO lib-ver 1.2.3");
    world.ok(&mut client, "CLIENT NO-EVICT ON");
    let line = world.ok(&mut client, "CLIENT INFO").text();
    let (line, end) = line.split_at(line.len() - 1);
    assert_eq!(end, "\n");
    let pairs: Vec<(&str, &str)> =
        line.split(' ').map(|word| word.split_once('=').unwrap()).collect();
    let names: Vec<&str> = pairs.iter().map(|pair| pair.0).collect();
    assert_eq!(names.join(" "), fields);
    for (name, value) in [
        ("laddr", "10.0.2.15:7379"),
        ("flags", "e"),
        ("multi", "-1"),
        ("argv-mem", "10"),
        ("cmd", "client|info"),
        ("redir", "-1"),
        ("lib-name", "some-library"),
        ("lib-ver", "1.2.3"),
    ] {
        assert!(pairs.contains(&(name, value)), "{name}={value}: {line}");
    }
    let fresh = world.ok(&mut client, "CLIENT LIST ID 2 2").text();
    assert_eq!(fresh.lines().count(), 2, "{fresh}");
    assert!(fresh.contains(" cmd=NULL ") && fresh.contains(" flags=N "), "{fresh}");
    let newest = world.connect();
    let fresh = world.ok(&mut client, "CLIENT LIST ID 3").text();
    assert!(fresh.contains(" rbs=65536 ") && !fresh.contains(" tot-mem=0 "), "{fresh}");
    world.close(&newest);
    // The bytes of an incomplete request are in the buffer.
    world.send(&mut other, b"*2\r\n$4\r\nECHO\r\n$10\r\nabc");
    world.settle();
    let line = world.ok(&mut client, "CLIENT LIST ID 2").text();
    assert!(line.contains(" qbuf=22 "), "{line}");
    for (request, error) in [
        ("CLIENT SETINFO foo x", "ERR Unrecognized option 'foo'"),
        (
            "CLIENT SETINFO lib-name a\u{7f}b",
            "ERR lib-name cannot contain spaces, newlines or special characters.",
        ),
    ] {
        assert_eq!(world.error(&mut client, request), error);
    }
}

/// Long names are kept complete. A name that is too long is refused with the limit.
#[test]
fn names_of_clients_are_long_or_refused() {
    let mut world = World::new();
    let mut client = world.connect();
    let long = "n".repeat(512);
    world.ok(&mut client, &format!("CLIENT SETNAME {long}"));
    assert_eq!(world.ok(&mut client, "CLIENT GETNAME").text(), long);
    let error = "ERR client name of 513 bytes exceeds 512";
    assert_eq!(world.error(&mut client, &format!("CLIENT SETNAME {long}n")), error);
    assert_eq!(world.error(&mut client, &format!("HELLO 2 SETNAME {long}n")), error);
    assert_eq!(world.ok(&mut client, "CLIENT GETNAME").text(), long);
    let library = "l".repeat(65);
    assert_eq!(
        world.error(&mut client, &format!("CLIENT SETINFO LIB-VER {library}")),
        "ERR library text of 65 bytes exceeds 64"
    );
}

/// A killed connection is not listed, even before it is closed.
#[test]
fn a_killed_connection_is_listed_no_more() {
    let mut world = World::new();
    let (mut one, other) = (world.connect(), world.connect());
    world.push(&one, b"CLIENT KILL ID 2\r\nCLIENT KILL ID 2\r\nCLIENT LIST\r\n");
    assert_eq!(world.reply(&mut one).integer(), 1);
    assert_eq!(world.reply(&mut one).integer(), 0);
    let list = world.reply(&mut one);
    assert_eq!(list.text().lines().count(), 1, "{}", list.text());
    drop(other);
}

/// Each filter of `CLIENT KILL` works alone and combined with others.
#[test]
fn connections_are_killed_by_filters() {
    let mut world = World::new();
    let (mut one, two, three) = (world.connect(), world.connect(), world.connect());
    let line = world.ok(&mut one, "CLIENT LIST ID 2").text();
    let address = line.split(' ').nth(1).unwrap().trim_start_matches("addr=").to_owned();
    for (filter, count) in [
        (format!("ID 3 ADDR {address}"), 0),
        ("LADDR 10.0.2.15:7380".to_owned(), 0),
        (format!("ADDR {address} LADDR 10.0.2.15:7379 TYPE normal USER default"), 1),
        ("LADDR 10.0.2.15:7379".to_owned(), 1),
        ("TYPE normal SKIPME no".to_owned(), 1),
    ] {
        let killed = world.ok(&mut one, &format!("CLIENT KILL {filter}")).integer();
        assert_eq!(killed, count, "{filter}");
        world.settle();
    }
    assert!(world.is_closed(&one) && world.is_closed(&two) && world.is_closed(&three));
}

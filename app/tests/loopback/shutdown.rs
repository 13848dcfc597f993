//! `SHUTDOWN`: the connections are closed, and the machine is powered off.

use runtime_config::ports;

use crate::harness::World;

/// Returns all bytes that were sent before the end of a connection.
fn last_bytes(world: &mut World, client: &mut crate::harness::Client) -> Vec<u8> {
    world.wait("the end", |world| world.is_off());
    world.received(client);
    world.take(client, usize::MAX)
}

#[test]
fn every_form_closes_all_connections_and_ends() {
    for line in ["", "NOSAVE", "now", "FORCE", "SAVE FORCE", "NOSAVE NOW FORCE", "NOW NOW"] {
        let mut world = World::new();
        let (mut client, mut idle) = (world.connect(), world.connect());
        let report = world.connect_to(ports::HTTP);
        let half = world.connect();
        world.push(&half, b"*2\r\n$4\r\nECHO\r\n$5\r\nab");
        world.ok(&mut idle, "PING");
        world.send(&mut client, format!("PING\r\nSHUTDOWN {line}\r\nPING\r\n").as_bytes());
        assert_eq!(last_bytes(&mut world, &mut client), b"+PONG\r\n", "{line}");
        assert_eq!(world.received(&mut idle), 0, "{line}");
        for other in [&client, &idle, &report, &half] {
            assert!(world.has_ended(other), "{line}: a connection is open");
        }
        let passed_us = world.now_us();
        assert!(passed_us < 1_000_000, "{line}: the limit has passed, {passed_us} us");
    }
}

#[test]
fn other_options_have_no_effect() {
    let mut world = World::new();
    let mut client = world.connect();
    for line in ["FOO", "NOSAVE SAVE", "ABORT NOW", "NOW FOO", "SAVE ABORT", "ABORT FORCE NOSAVE"] {
        assert_eq!(
            world.error(&mut client, &format!("SHUTDOWN {line}")),
            "ERR syntax error",
            "{line}"
        );
    }
    for line in ["ABORT", "abort ABORT"] {
        let error = world.error(&mut client, &format!("SHUTDOWN {line}"));
        assert_eq!(error, "ERR No shutdown in progress.", "{line}");
    }
    let error = world.error(&mut client, "SHUTDOWN SAVE");
    assert_eq!(error, "ERR Errors trying to SHUTDOWN. Check logs.");
    world.ok(&mut client, "MULTI");
    let error = world.error(&mut client, "SHUTDOWN");
    assert_eq!(error, "ERR Command not allowed inside a transaction");
    assert!(world.error(&mut client, "EXEC").starts_with("EXECABORT"));
    world.ok(&mut client, "PING");
    assert!(!world.is_off());
}

#[test]
fn a_client_without_the_password_cannot_shut_down() {
    let mut world = World::with("requirepass=open-sesame", 4_000);
    let mut client = world.connect();
    for line in ["SHUTDOWN", "SHUTDOWN NOSAVE", "SHUTDOWN ABORT", "SHUTDOWN FOO"] {
        assert_eq!(world.error(&mut client, line), "NOAUTH Authentication required.", "{line}");
    }
    world.settle();
    assert!(!world.is_off());
    world.ok(&mut client, "AUTH open-sesame");
    world.send(&mut client, b"SHUTDOWN\r\n");
    assert_eq!(last_bytes(&mut world, &mut client), b"");
}

#[test]
fn replies_that_were_not_taken_are_sent_first() {
    let mut world = World::new();
    let (mut client, mut other) = (world.connect(), world.connect());
    let value = vec![b'x'; 300_000];
    world.request(&mut client, &[b"SET", b"k", &value]);
    world.send(&mut other, b"GET k\r\n");
    world.step();
    world.send(&mut client, b"GET k\r\nSHUTDOWN\r\n");
    for reader in [&mut client, &mut other] {
        let mut bytes = Vec::new();
        for _ in 0..100_000 {
            world.step();
            world.received(reader);
            bytes.extend(world.take(reader, usize::MAX));
            if world.has_ended(reader) {
                break;
            }
            assert!(!world.is_off(), "off after {} bytes", bytes.len());
        }
        let expected = [b"$300000\r\n", &value[..], b"\r\n"].concat();
        assert_eq!(bytes.len(), expected.len());
        assert!(bytes == expected);
    }
    world.wait("the end", |world| world.is_off());
}

#[test]
fn a_peer_with_a_closed_window_delays_the_shutdown_for_a_limited_time() {
    let mut world = World::new();
    let (mut client, mut deaf) = (world.connect(), world.connect());
    world.request(&mut client, &[b"SET", b"k", &vec![b'x'; 1_000_000]]);
    world.send(&mut deaf, b"GET k\r\n");
    world.send(&mut client, b"SHUTDOWN\r\n");
    let before = world.now_us();
    world.wait("the end", |world| world.is_off());
    let passed_us = world.now_us() - before;
    assert!(passed_us >= runtime_config::limits::SHUTDOWN_US, "{passed_us} us");
}

//! What stock clients send, and what they must get.

use crate::harness::{World, multibulk};
use crate::value::Value;

#[test]
fn ping() {
    let mut world = World::new();
    let mut client = world.connect();
    assert_eq!(world.ask(&mut client, "PING"), Value::Status("PONG".into()));
    assert_eq!(world.ask(&mut client, "ping hello"), Value::Bulk(b"hello".to_vec()));
    assert_eq!(world.ask(&mut client, "ECHO hello"), Value::Bulk(b"hello".to_vec()));
    world.send(&mut client, b"PING\r\n");
    assert_eq!(world.reply(&mut client), Value::Status("PONG".into()));
    world.send(&mut client, b"\r\n*0\r\n*-1\r\n  \r\nECHO 'a b'\n");
    assert_eq!(world.reply(&mut client), Value::Bulk(b"a b".to_vec()));
}

#[test]
fn ten_thousand_requests_in_one_go() {
    let mut world = World::new();
    let mut client = world.connect();
    let mut bytes = Vec::new();
    for number in 0..10_000 {
        bytes.extend(multibulk(&[b"ECHO", number.to_string().as_bytes()]));
    }
    world.send(&mut client, &bytes);
    for number in 0..10_000 {
        assert_eq!(world.reply(&mut client), Value::Bulk(number.to_string().into()));
    }
}

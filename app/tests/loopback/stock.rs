//! Requests of common clients, with the replies that they need.

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

#[test]
fn the_first_requests_of_redis_benchmark() {
    let mut world = World::new();
    let mut client = world.connect();
    let pair = |name: &str, value: &str| {
        Value::Array(vec![Value::Bulk(name.into()), Value::Bulk(value.into())])
    };
    assert_eq!(world.ask(&mut client, "CONFIG GET save"), pair("save", ""));
    assert_eq!(world.ask(&mut client, "CONFIG GET appendonly"), pair("appendonly", "no"));
    assert_eq!(world.ask(&mut client, "CONFIG GET clients"), pair("clients", "256"));
    let all = world.ok(&mut client, "CONFIG GET *");
    for key in runtime_config::cmdline::KEYS {
        let is_told = all.items().contains(&Value::Bulk(key.name.into()));
        assert_eq!(is_told, key.name != "requirepass", "{}", key.name);
    }
    assert_eq!(world.ask(&mut client, "CONFIG GET b?l[a-l]"), pair("bulk", "16777216"));
    assert_eq!(world.ask(&mut client, "CONFIG GET nothing"), Value::Array(Vec::new()));
    assert_eq!(
        world.error(&mut client, "CONFIG SET save x"),
        "ERR CONFIG SET failed (possibly related to argument 'save') - can't set immutable config"
    );
}

#[test]
fn the_first_requests_of_client_libraries() {
    let mut world = World::new();
    let mut client = world.connect();
    assert_eq!(world.error(&mut client, "HELLO 4"), "NOPROTO unsupported protocol version");
    let hello = world.ok(&mut client, "HELLO 2 SETNAME me");
    assert_eq!(hello.field("proto"), &Value::Integer(2));
    assert_eq!(hello.field("server").text(), "vmalloc");
    assert_eq!(world.ok(&mut client, "CLIENT GETNAME").text(), "me");
    assert_eq!(world.ok(&mut client, "CLIENT ID"), Value::Integer(1));
    for line in ["CLIENT SETINFO LIB-NAME x", "CLIENT SETNAME you", "SELECT 0"] {
        assert_eq!(world.ok(&mut client, line), Value::Status("OK".into()), "{line}");
    }
    assert_eq!(world.error(&mut client, "SELECT 1"), "ERR DB index is out of range");
    assert_eq!(
        world.error(&mut client, "CLIENT FOO"),
        "ERR unknown subcommand 'FOO'. Try CLIENT HELP."
    );
    for name in ["CLIENT", "COMMAND", "CONFIG", "MEMORY"] {
        let help = world.ok(&mut client, &format!("{name} help"));
        assert!(help.items()[0].text().starts_with(name), "{name}: {help:?}");
    }
    assert_eq!(
        world.error(&mut client, "MEMORY USAGE"),
        "ERR wrong number of arguments for 'memory|usage' command"
    );
    let count = world.ok(&mut client, "COMMAND COUNT").integer();
    for line in ["COMMAND", "COMMAND INFO"] {
        assert_eq!(world.ok(&mut client, line).items().len() as u64, count, "{line}");
    }
    let get = world.ok(&mut client, "COMMAND INFO GET nothing").items().to_vec();
    assert_eq!((get[0].items()[0].text(), &get[1]), ("get".to_owned(), &Value::Null));
    let docs = world.ok(&mut client, "COMMAND DOCS vrealloc").field("vrealloc").clone();
    assert_eq!(docs.field("group").text(), "region");
    let shown = docs.field("arguments").items()[2].field("display_text").text();
    assert_eq!(shown, "MOVE|NOMOVE|COPY");
    assert_eq!(world.ok(&mut client, "COMMAND DOCS").items().len() as u64, 2 * count);
    let info = world.ok(&mut client, "INFO").text();
    for line in ["redis_version:7.0", "loading:0\r\n", "connected_clients:1\r\n", "used_memory:"] {
        assert!(info.contains(line), "{line}");
    }
}

#[test]
fn quit_answers_first() {
    let mut world = World::new();
    let mut client = world.connect();
    world.send(&mut client, b"PING\r\nQUIT\r\nPING\r\n");
    assert_eq!(world.raw(&mut client), b"+PONG\r\n+OK\r\n");
    assert!(world.is_closed(&client));
}

#[test]
fn a_half_closed_connection_gets_its_replies() {
    let mut world = World::new();
    let mut client = world.connect();
    world.send(&mut client, &b"ECHO abcdefgh\r\n".repeat(5000));
    world.close(&client);
    let mut replies = world.raw(&mut client);
    // The window was closed once. The server's probe finds it open.
    world.pass(2);
    replies.extend(world.raw(&mut client));
    assert_eq!(replies.len(), 14 * 5000);
    assert!(replies == b"$8\r\nabcdefgh\r\n".repeat(5000));
}

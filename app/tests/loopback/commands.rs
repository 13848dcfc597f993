//! Tests of the table of commands: its agreement with Redis, and the positions of keys in requests.

use std::collections::BTreeSet;

use app::service::Commands;
use vmalloc::sim::SimMachine;

use crate::harness::{Client, World, multibulk};
use crate::value::Value;

/// `COMMAND INFO` of Redis 7.0.15, for every command that exists here or may come.
const REDIS: &str = include_str!("commands.txt");

fn text(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Negative(number) => number.to_string(),
        other => other.text(),
    }
}

fn joined(values: &[Value], separator: &str) -> String {
    values.iter().map(text).collect::<Vec<_>>().join(separator)
}

/// The `begin_search` or `find_keys` part of a key specification: its type and its values.
fn search(part: &Value) -> String {
    let values = part.field("spec").items().chunks(2).map(|pair| text(&pair[1]));
    format!("{}={}", part.field("type").text(), values.collect::<Vec<_>>().join(","))
}

fn specification(keys: &Value) -> String {
    let flags = joined(keys.field("flags").items(), ",");
    format!("{flags}/{}/{}", search(keys.field("begin_search")), search(keys.field("find_keys")))
}

/// A line in the format of the file.
fn line(facts: &[Value]) -> String {
    let specifications: Vec<String> = facts[8].items().iter().map(specification).collect();
    let columns = [
        facts[0].text(),
        text(&facts[1]),
        joined(facts[2].items(), ","),
        joined(&facts[3..6], ","),
        joined(facts[6].items(), ","),
        joined(facts[7].items(), ","),
        specifications.join(" "),
    ];
    columns.join(" | ").trim_end().to_owned()
}

/// Commands that support fewer options than in Redis, so that their maximum number of arguments differs.
const FEWER_OPTIONS: &[&str] = &["expire", "pexpire"];

/// Every flag has one meaning, independent of the implementation of a command.
#[test]
fn facts_are_those_of_redis() {
    let mut world = World::new();
    let mut client = world.connect();
    let mut compared = 0;
    for expected in REDIS.lines().filter(|line| !line.starts_with('#')) {
        let name = expected.split(" | ").next().unwrap();
        let reply = world.ok(&mut client, &format!("COMMAND INFO {name}"));
        if let Value::Array(facts) = &reply.items()[0] {
            let mut line = line(facts);
            if FEWER_OPTIONS.contains(&name) {
                line = line.replace("| 3 |", "| -3 |");
            }
            assert_eq!(line, expected);
            compared += 1;
        }
    }
    assert!(compared > 40, "{compared} compared");
}

#[test]
fn every_name_is_listed_once_and_in_lower_case() {
    let mut world = World::new();
    let mut client = world.connect();
    let list = world.ok(&mut client, "COMMAND LIST");
    let names: Vec<String> = list.items().iter().map(Value::text).collect();
    let once: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(once.len(), names.len());
    for command in Commands::<SimMachine>::CATALOG.commands() {
        assert!(once.contains(command.name.to_lowercase().as_str()), "{command:?}");
        for subcommand in Commands::<SimMachine>::CATALOG.subcommands(command) {
            assert!(once.contains(subcommand.name.to_lowercase().as_str()), "{subcommand:?}");
        }
    }
    let admin = world.ok(&mut client, "COMMAND LIST FILTERBY ACLCAT ADMIN");
    let admin: BTreeSet<String> = admin.items().iter().map(Value::text).collect();
    assert!(admin.contains("client|kill") && !admin.contains("client|id"), "{admin:?}");
    // Commands that Redis does not have are flagged if they write.
    for (name, flag) in [
        ("vwrite", "write"),
        ("vfill", "write"),
        ("vmalloc", "write"),
        ("vread", "readonly"),
        ("vinfo", "readonly"),
        ("vinject", "admin"),
        ("vquota", "admin"),
    ] {
        let facts = world.ok(&mut client, &format!("COMMAND INFO {name}"));
        let flags = facts.items()[0].items()[2].items();
        let readonly = flags.contains(&Value::Status("readonly".into()));
        assert!(flags.contains(&Value::Status(flag.into())), "{name}: {flags:?}");
        assert_eq!(readonly, flag == "readonly", "{name}: {flags:?}");
    }
}

/// A call of each command that can have keys; each `?` is a name.
const CALLS: &[&str] = &[
    "GET ?",
    "SET ? v",
    "SET ? v NX",
    "SET ? v XX KEEPTTL",
    "DEL ?",
    "DEL ? ? ?",
    "UNLINK ? ?",
    "GETRANGE ? 0 -1",
    "SETRANGE ? 1 x",
    "APPEND ? x",
    "STRLEN ?",
    "EXISTS ?",
    "EXISTS ? ? ?",
    "TYPE ?",
    "MEMORY USAGE ?",
    "MEMORY USAGE ? SAMPLES 5",
    "EXPIRE ? 100",
    "PEXPIRE ? 100000",
    "EXPIREAT ? 4000000000",
    "PEXPIREAT ? 4000000000000",
    "EXPIRETIME ?",
    "PEXPIRETIME ?",
    "PERSIST ?",
    "TTL ?",
    "PTTL ?",
    "MGET ? ? ?",
    "MSET ? v ? w",
    // If both names exist, one of them is enough for the reply.
    "MSETNX ? v",
    "SETEX ? 100 v",
    "PSETEX ? 100000 v",
    "SETNX ? v",
    "GETDEL ?",
    "GETEX ? PERSIST",
    "GETSET ? v",
    "INCR ?",
    "DECR ?",
    "INCRBY ? 2",
    "DECRBY ? 2",
    "TOUCH ? ?",
    "SUBSTR ? 0 -1",
    "VMALLOC 4K NAME ?",
    "VMALLOC 4K NAME ? REPLACE LEASE 100000",
    "VMALLOC 4K PROT rw name ? ZERO",
    "VZALLOC 4K NAME ? SOFT",
    "VMALLOC_NODE 4K 0 NAME ?",
    "VFREE @?",
    "VFREE @? 99 @?",
    "VFREE STRICT @?",
    "VREAD @? 0 1",
    "VWRITE @? 0 x",
    "VREALLOC @? 8K",
    "VFILL @? 0 1 7",
    "VSUM @?",
    "VPROT @? ro",
    "VLEASE @? 100000",
    "VINFO @?",
    "VPTE @?",
];

/// Commands whose effect on keys is visible in a later reply.
const LATER: &[&str] = &["watch"];

const NAMES: [&str; 4] = ["NAME", "a", "key", "b:1"];

/// Returns the reply of a call. Large integers are reduced to their number of digits, because times differ.
fn ask(world: &mut World, client: &mut Client, line: &str) -> Vec<u8> {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    world.send(client, &multibulk(&words));
    let mut reply = world.raw(client);
    if reply.starts_with(b":") && reply.len() > b":999\r\n".len() {
        reply.iter_mut().filter(|byte| byte.is_ascii_digit()).for_each(|byte| *byte = b'n');
    }
    reply
}

/// Returns the reply of a call, and the state of every name afterwards. One name may be `hidden` from the call: its region
/// has another name. Reports with ids and addresses are reduced to their type.
fn outcome(
    world: &mut World,
    client: &mut Client,
    call: &str,
    hidden: Option<&str>,
) -> (Vec<u8>, Vec<Vec<u8>>) {
    let names = NAMES.map(|name| if Some(name) == hidden { "hidden" } else { name });
    ask(world, client, &format!("DEL hidden {}", NAMES.join(" ")));
    for name in names {
        assert_eq!(ask(world, client, &format!("SET {name} 123 EX 5000")), b"+OK\r\n");
    }
    let mut reply = ask(world, client, call);
    if call.starts_with('V') && reply.starts_with(b"*") {
        reply.truncate(1);
    } else if reply.starts_with(b"-") {
        reply.truncate(reply.iter().position(|byte| *byte == b' ').unwrap());
    }
    let questions = ["GET", "TTL", "MEMORY USAGE"];
    let state =
        |name| questions.map(|words| ask(world, client, &format!("{words} {name}"))).concat();
    (reply, names.into_iter().map(state).collect())
}

/// Returns the names that a call uses. A name is used if the result of the call changes when its region is hidden.
fn touched(world: &mut World, client: &mut Client, call: &str) -> BTreeSet<String> {
    let seen = outcome(world, client, call, None);
    let mut touched = BTreeSet::new();
    for name in NAMES {
        if outcome(world, client, call, Some(name)) != seen {
            touched.insert(name.to_owned());
        }
    }
    touched
}

/// `COMMAND GETKEYS` names the keys that the call touches.
#[test]
fn the_keys_of_a_call_are_the_names_that_it_touches() {
    let mut world = World::new();
    let mut client = world.connect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut any = |limit: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % limit
    };
    let mut called = BTreeSet::new();
    for template in CALLS {
        for _ in 0..8 {
            let mut call = (*template).to_owned();
            while call.contains('?') {
                call = call.replacen('?', NAMES[any(NAMES.len())], 1);
            }
            let words: Vec<&str> = call.split(' ').collect();
            let Some(command) = Commands::<SimMachine>::CATALOG.find(words[0].as_bytes()) else {
                continue;
            };
            let has_subcommands = command.has_subcommands();
            let name = if has_subcommands { words[..2].join("|") } else { words[0].to_owned() };
            called.insert(name);
            let keys = world.ok(&mut client, &format!("COMMAND GETKEYS {call}"));
            let keys: BTreeSet<String> = keys.items().iter().map(Value::text).collect();
            assert_eq!(keys, touched(&mut world, &mut client, &call), "{call}");
        }
    }
    for name in world.ok(&mut client, "COMMAND LIST").items().iter().map(Value::text) {
        let facts = world.ok(&mut client, &format!("COMMAND INFO {name}"));
        let has_keys = !facts.items()[0].items()[8].items().is_empty();
        let is_called = called.contains(&name.to_uppercase()) || LATER.contains(&name.as_str());
        assert_eq!(has_keys, is_called, "{name} has keys, or has a call with names in this test");
    }
}

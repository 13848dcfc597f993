//! `INFO` as monitoring systems and libraries read it: the sections and names of Redis, and correct values.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::harness::{Client, World};

fn info(world: &mut World, client: &mut Client, sections: &str) -> String {
    world.ok(client, format!("INFO {sections}").trim_end()).text()
}

fn headings(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("# ")).collect()
}

fn fields(text: &str) -> HashMap<&str, &str> {
    text.lines().filter_map(|line| line.split_once(':')).collect()
}

const DEFAULT: [&str; 11] = [
    "Server",
    "Clients",
    "Memory",
    "Persistence",
    "Stats",
    "Replication",
    "CPU",
    "Modules",
    "Errorstats",
    "Cluster",
    "Keyspace",
];

#[test]
fn sections_are_those_of_redis_in_its_order() {
    let mut world = World::new();
    let mut client = world.connect();
    let own = ["Vmalloc", "Frames", "Tlb", "Service", "Net", "Http"];
    for (words, without, with) in [
        ("", "", ""),
        ("default", "", ""),
        ("DEFAULT", "", ""),
        ("all", "Modules", "Commandstats"),
        ("everything", "", "Commandstats"),
        ("default commandstats", "", "Commandstats"),
    ] {
        let mut expected: Vec<&str> =
            DEFAULT.into_iter().filter(|section| *section != without).collect();
        if !with.is_empty() {
            let at = expected.iter().position(|section| *section == "Errorstats").unwrap();
            expected.insert(at, with);
        }
        expected.extend(own);
        let text = info(&mut world, &mut client, words);
        assert_eq!(headings(&text), expected, "{words}");
        assert!(text.starts_with("# Server\r\n") && text.ends_with("\r\n"));
        assert!(!text.contains("\r\n\r\n\r\n") && !text.ends_with("\r\n\r\n"), "{words}");
    }
    assert_eq!(headings(&info(&mut world, &mut client, "replication")), ["Replication"]);
    assert_eq!(headings(&info(&mut world, &mut client, "cpu MEMORY")), ["Memory", "CPU"]);
    assert_eq!(info(&mut world, &mut client, "modules"), "# Modules\r\n");
    assert_eq!(info(&mut world, &mut client, "nothing"), "");
}

#[test]
fn fields_that_libraries_and_monitors_read() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "PING");
    let text = info(&mut world, &mut client, "everything");
    let found = fields(&text);
    for (name, value) in [
        ("role", "master"),
        ("connected_slaves", "0"),
        ("cluster_enabled", "0"),
        ("loading", "0"),
        ("redis_mode", "standalone"),
        ("redis_version", "7.0.15"),
        ("arch_bits", "64"),
        ("tcp_port", "7379"),
        ("process_id", "1"),
        ("maxclients", "256"),
        ("connected_clients", "1"),
        ("maxmemory_policy", "noeviction"),
        ("evicted_keys", "0"),
        ("rdb_bgsave_in_progress", "0"),
        ("aof_rewrite_in_progress", "0"),
    ] {
        assert_eq!(found.get(name), Some(&value), "{name}");
    }
    for name in ["run_id", "master_replid"] {
        let id = found[name];
        assert!(id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}:{id}");
    }
    for name in ["used_memory_human", "total_system_memory_human", "maxmemory_human"] {
        assert!(found[name].ends_with(['K', 'M', 'B']), "{name}");
    }
    let maxmemory = world.ok(&mut client, "CONFIG GET maxmemory").items()[1].text();
    assert_eq!(found["maxmemory"], maxmemory);
    let number = |name: &str| found[name].parse::<u64>().unwrap();
    assert!(number("used_memory") < number("total_system_memory"));
    assert!(number("maxmemory") <= number("total_system_memory"));
    assert!(number("total_net_input_bytes") > 0 && number("total_commands_processed") > 0);
    let same = info(&mut world, &mut client, "server");
    assert_eq!(fields(&same)["run_id"], found["run_id"]);
}

/// Every command that reads a key counts one hit or miss, for any size of the value.
#[test]
fn lookups_are_counted_as_in_redis() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "SET k 123");
    world.ok(&mut client, &format!("SET large {}", "x".repeat(60_000)));
    let mut seen = (0, 0);
    for (request, hits, misses) in [
        ("GET k", 1, 0),
        ("GET none", 0, 1),
        ("GET large", 1, 0),
        ("GETRANGE k 0 -1", 1, 0),
        ("STRLEN none", 0, 1),
        ("EXISTS k none k", 2, 1),
        ("TYPE k", 1, 0),
        ("TTL none", 0, 1),
        ("PTTL k", 1, 0),
        ("MEMORY USAGE k", 0, 0),
        ("APPEND k x", 0, 0),
        ("EXPIRE k 100", 0, 0),
        ("DEL k none", 0, 0),
        ("VINFO @large", 0, 0),
        ("COMMAND GETKEYS GET k", 0, 0),
    ] {
        world.ok(&mut client, request);
        seen = (seen.0 + hits, seen.1 + misses);
        let text = info(&mut world, &mut client, "stats");
        let found = fields(&text);
        let now = (found["keyspace_hits"], found["keyspace_misses"]);
        assert_eq!(now, (seen.0.to_string().as_str(), seen.1.to_string().as_str()), "{request}");
    }
}

#[test]
fn keys_that_expire_are_counted_and_those_without_a_name_are_not() {
    let mut world = World::new();
    let mut client = world.connect();
    assert_eq!(info(&mut world, &mut client, "keyspace"), "# Keyspace\r\n");
    world.ok(&mut client, "SET a 1 EX 100");
    world.ok(&mut client, "SET b 1 EX 300");
    world.ok(&mut client, "SET c 1");
    world.ok(&mut client, "VMALLOC 4K LEASE 500000");
    let text = info(&mut world, &mut client, "keyspace");
    let db = fields(&text)["db0"];
    let ttl: u64 = db.strip_prefix("keys=3,expires=2,avg_ttl=").unwrap().parse().unwrap();
    assert!((190_000..=200_000).contains(&ttl), "{db}");
    world.ok(&mut client, "PERSIST b");
    world.ok(&mut client, "SET a 2 KEEPTTL");
    world.ok(&mut client, "VLEASE @c 50000");
    let text = info(&mut world, &mut client, "keyspace");
    assert!(fields(&text)["db0"].starts_with("keys=3,expires=2,avg_ttl="), "{text}");
    world.sleep(110);
    let text = info(&mut world, &mut client, "");
    let found = fields(&text);
    assert_eq!(found["expired_keys"], "2");
    assert_eq!(found["db0"], "keys=1,expires=0,avg_ttl=0");
}

#[test]
fn commands_and_errors_are_counted_by_name() {
    let mut world = World::new();
    let mut client = world.connect();
    for request in ["GET a", "GET b", "CLIENT ID", "CONFIG GET save"] {
        world.ok(&mut client, request);
    }
    for request in ["GET", "CLIENT SETNAME", "SELECT 7", "VMALLOC x", "NOSUCH", "SET k v EX 0"] {
        world.send(&mut client, format!("{request}\r\n").as_bytes());
        world.reply(&mut client);
    }
    let text = info(&mut world, &mut client, "everything");
    let found = fields(&text);
    for (name, calls, rejected, failed) in [
        ("get", 2, 1, 0),
        ("client|id", 1, 0, 0),
        ("client|setname", 0, 1, 0),
        ("config|get", 1, 0, 0),
        ("select", 1, 0, 1),
    ] {
        let line = found[format!("cmdstat_{name}").as_str()];
        let ends = format!("rejected_calls={rejected},failed_calls={failed}");
        assert!(line.starts_with(&format!("calls={calls},usec=")), "{name}: {line}");
        assert!(line.contains(",usec_per_call=") && line.ends_with(&ends), "{name}: {line}");
    }
    assert!(found["errorstat_ERR"].starts_with("count="), "{text}");
    assert!(found["errorstat_INVAL"].starts_with("count="), "{text}");
    assert!(!text.contains("cmdstat_ping:"), "a command that was not called has no line");
    world.ok(&mut client, "CONFIG RESETSTAT");
    let text = info(&mut world, &mut client, "everything");
    let found = fields(&text);
    assert!(!text.contains("cmdstat_get:") && !text.contains("errorstat_"), "{text}");
    assert_eq!(found["total_connections_received"], "0");
}

std::thread_local! {
    static CLOCK_US: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// A clock that advances by 7 us with each reading.
fn clock() -> u64 {
    CLOCK_US.set(CLOCK_US.get() + 7);
    CLOCK_US.get()
}

#[test]
fn a_command_that_was_called_once_has_a_time() {
    let mut world = World::new().with_clock(clock);
    let mut client = world.connect();
    world.ok(&mut client, "STRLEN k");
    let text = info(&mut world, &mut client, "commandstats");
    assert!(
        fields(&text)["cmdstat_strlen"].starts_with("calls=1,usec=7,usec_per_call=7.00,"),
        "{text}"
    );
}

#[test]
fn the_rate_of_requests_is_measured() {
    let mut world = World::new();
    let mut client = world.connect();
    let start = world.now_us();
    let mut requests = 0;
    while world.now_us() < start + 3_000_000 {
        world.ok(&mut client, "PING");
        requests += 1;
        world.sleep(0);
        for _ in 0..20 {
            world.step();
        }
    }
    let expected = requests * 1_000_000 / (world.now_us() - start);
    let text = info(&mut world, &mut client, "stats");
    let rate: u64 = fields(&text)["instantaneous_ops_per_sec"].parse().unwrap();
    assert!(rate * 10 > expected * 9 && rate * 10 < expected * 11, "{rate}, {expected} expected");
    world.sleep(10);
    let text = info(&mut world, &mut client, "stats");
    let rate: u64 = fields(&text)["instantaneous_ops_per_sec"].parse().unwrap();
    assert!(rate < expected / 4, "{rate} after a rest");
}

/// A report that cannot fit is refused before its rows are written.
#[test]
fn a_report_that_is_too_long_is_not_made_first() {
    let mut world = World::with("output=262144", 16_000);
    let mut client = world.connect();
    let fill = |world: &mut World, client: &mut Client, times: usize| {
        for _ in 0..times {
            world.ok(client, "VMALLOCN 1024 1");
        }
    };
    let time = |world: &mut World, client: &mut Client, request: &str| {
        let times = (0..3).map(|_| {
            let start = Instant::now();
            world.send(client, format!("{request}\r\n").as_bytes());
            let reply = world.reply(client);
            (start.elapsed(), format!("{reply:?}").starts_with("-LIMIT reply exceeds 262144"))
        });
        times.min().unwrap()
    };
    fill(&mut world, &mut client, 2);
    let (whole, is_refused) = time(&mut world, &mut client, "VMALLOCINFO");
    assert!(!is_refused && whole > Duration::ZERO);
    fill(&mut world, &mut client, 4);
    for request in ["VMALLOCINFO", "VMALLOCINFO EXT", "VLIST COUNT 100000"] {
        let (refused, is_refused) = time(&mut world, &mut client, request);
        assert!(is_refused, "{request}");
        assert!(refused * 4 < whole, "{request} takes {refused:?}, a whole report {whole:?}");
    }
    world.ok(&mut client, "VFREEALL");
    world.ok(&mut client, "VPURGE SYNC");
    world.ok(&mut client, "VMALLOC 40M NAME r");
    let (refused, is_refused) = time(&mut world, &mut client, "VPTE @r");
    assert!(is_refused && refused * 4 < whole, "VPTE takes {refused:?}, {whole:?}");
}

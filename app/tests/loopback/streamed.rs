//! Replies that are copied from a region while they are sent.

use runtime_config::limits;

use crate::harness::{Client, World, multibulk};
use crate::value::Value;

/// Bytes that exceed the buffers of a client, a socket and an output together.
const LONG: usize = 600_000;

/// Bytes with a long period, so that a misplaced piece is detected.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + at / 251).to_le_bytes()[0]).collect()
}

fn set(world: &mut World, client: &mut Client, key: &str, value: &[u8]) {
    let reply = world.request(client, &[b"SET", key.as_bytes(), value]);
    assert_eq!(reply, Value::Status("OK".into()));
}

/// Returns a client that has requested a long reply and has not read all of it.
fn slow_reader(world: &mut World, line: &str) -> Client {
    let mut reader = world.connect();
    world.send(&mut reader, format!("{line}\r\n").as_bytes());
    world.settle();
    reader
}

#[test]
fn get_returns_the_value_of_set() {
    let mut world = World::with("bulk=4194304", 4096);
    let mut client = world.connect();
    let value = pattern(4 << 20);
    set(&mut world, &mut client, "k", &value);
    // All frames are allocated, so the reply must be streamed without further memory.
    while world.ask(&mut client, "VMALLOC 64K SOFT") != Value::Null {}
    while world.ask(&mut client, "VMALLOC 1 SOFT") != Value::Null {}
    let whole = Value::Bulk(value.clone());
    let part = Value::Bulk(value[1_000_001..3_000_001].to_vec());
    for (line, expected) in [
        ("GET k", &whole),
        ("GETRANGE k 0 -1", &whole),
        ("VREAD @k 0 4M", &whole),
        ("GETRANGE k 1000001 3000000", &part),
        ("VREAD @k 1000001 2000000", &part),
    ] {
        assert!(world.ok(&mut client, line) == *expected, "{line}");
    }
    assert_eq!(world.counter(&mut client, "replies_streamed"), 5);
    assert_eq!(world.counter(&mut client, "replies_spilled"), 0);
    world.ok(&mut client, "VFREEALL");
    world.ok(&mut client, "VREALLOC @k 5M");
    let limit = "LIMIT reply exceeds 4194304 bytes";
    assert_eq!(world.error(&mut client, "GET k"), format!("{limit}, use GETRANGE"));
    assert_eq!(world.error(&mut client, "VREAD @k 0 5M"), limit);
    world.check(&mut client);
}

#[test]
fn every_length_around_the_buffer_sizes_is_complete() {
    let mut world = World::with("", 4096);
    let mut client = world.connect();
    let buffers = [32 << 10, 64 << 10, 128 << 10, 192 << 10, 1 << 20];
    for length in buffers.iter().flat_map(|around: &usize| around - 3..around + 4) {
        let value = pattern(length);
        set(&mut world, &mut client, "k", &value);
        assert!(world.ok(&mut client, "GET k") == Value::Bulk(value), "{length}");
    }
}

#[test]
fn replies_keep_their_order() {
    let mut world = World::new();
    let mut client = world.connect();
    let value = pattern(LONG);
    set(&mut world, &mut client, "k", &value);
    let mut requests = Vec::new();
    for _ in 0..3 {
        requests.extend(b"PING before\r\nGET k\r\nGETRANGE k 1 500000\r\nPING after\r\n");
    }
    world.send(&mut client, &requests);
    for _ in 0..3 {
        assert_eq!(world.reply(&mut client).text(), "before");
        assert!(world.reply(&mut client) == Value::Bulk(value.clone()));
        assert!(world.reply(&mut client) == Value::Bulk(value[1..=500_000].to_vec()));
        assert_eq!(world.reply(&mut client).text(), "after");
    }
}

#[test]
fn a_key_that_is_deleted_during_its_reply_is_sent_unchanged() {
    let value = pattern(LONG);
    for (line, answer, after) in [
        ("DEL k", Value::Integer(1), Value::Null),
        ("UNLINK k", Value::Integer(1), Value::Null),
        ("VFREE @k", Value::Integer(1), Value::Null),
        ("VREALLOC @k 0", Value::Null, Value::Null),
        ("EXPIRE k 0", Value::Integer(1), Value::Null),
        ("SET k new", Value::Status("OK".into()), Value::Bulk(b"new".to_vec())),
    ] {
        for helpers in [0, 1] {
            let mut world = match helpers {
                0 => World::new(),
                _ => World::with_helpers("", 4096, 1, 5),
            };
            let mut other = world.connect();
            let before = world.check(&mut other);
            set(&mut world, &mut other, "k", &value);
            let mut readers = [(); 2].map(|()| slow_reader(&mut world, "GET k"));
            let kept = world.counter(&mut other, "frames_free");
            assert_eq!(world.ask(&mut other, line), answer, "{line}");
            assert_eq!(world.ok(&mut other, "GET k"), after, "{line}");
            world.purge(&mut other);
            assert!(world.counter(&mut other, "frames_free") <= kept, "{line}: pages are kept");
            for reader in &mut readers {
                // Memory that is allocated during the reply does not overlap its region.
                let id = world.ok(&mut other, "VMALLOC 1M").items()[0].integer();
                world.ok(&mut other, &format!("VFILL {id} 0 1M 255"));
                assert!(world.reply(reader) == Value::Bulk(value.clone()), "{line}");
                world.settle();
                world.purge(&mut other);
            }
            world.ok(&mut other, "VFREEALL");
            world.ask(&mut other, "DEL k");
            world.purge(&mut other);
            let frames = |text: &str| text.split(" table_pages").next().unwrap().to_owned();
            assert_eq!(frames(&world.check(&mut other)), frames(&before), "{line}");
        }
    }
}

/// As above, with a region so large that an AP would free it: the region must stay allocated until the reply is sent.
#[test]
fn a_large_region_that_is_freed_during_its_reply_is_sent_unchanged() {
    for line in ["DEL k", "VFREE @k", "VREALLOC @k 0"] {
        let mut world = World::with_helpers("", 12_000, 1, 5);
        let mut other = world.connect();
        world.ok(&mut other, "VMALLOC 17M NAME k");
        world.ok(&mut other, "VFILL @k 0 17M 7");
        let mut reader = slow_reader(&mut world, &format!("VREAD @k 0 {LONG}"));
        world.ok(&mut other, line);
        // Waits as long as an AP would need to free the region.
        world.settle();
        assert!(world.reply(&mut reader) == Value::Bulk(vec![7; LONG]), "{line}");
        world.settle();
        assert!(world.check(&mut other).starts_with("OK areas=0 "), "{line}");
    }
}

#[test]
fn a_lease_that_ends_during_a_reply_removes_only_the_name() {
    let mut world = World::new();
    let mut other = world.connect();
    let value = pattern(LONG);
    set(&mut world, &mut other, "k", &value);
    world.ok(&mut other, "EXPIRE k 5");
    let mut reader = slow_reader(&mut world, "GET k");
    world.pass(6);
    assert_eq!(world.ok(&mut other, "GET k"), Value::Null);
    assert!(world.reply(&mut reader) == Value::Bulk(value));
    world.settle();
    assert!(world.check(&mut other).starts_with("OK areas=0 "));
}

/// Requests that change a region in place wait until the reply is sent.
#[test]
fn writes_in_place_wait_for_the_reader() {
    let value = pattern(LONG);
    let tail = vec![b't'; 100_000];
    let requests: [(&[&[u8]], Value); 9] = [
        (&[b"APPEND", b"k", b"!"], Value::Integer(LONG as u64 + 1)),
        (&[b"SETRANGE", b"k", b"599999", b"!!"], Value::Integer(LONG as u64 + 1)),
        (&[b"VWRITE", b"@k", b"0", b"!"], Value::Integer(1)),
        (&[b"VWRITE", b"@k", b"500000", &tail], Value::Integer(100_000)),
        (&[b"VFILL", b"@k", b"0", b"600000", b"33"], Value::Integer(LONG as u64)),
        (&[b"VREALLOC", b"@k", b"1"], Value::Null),
        (&[b"VREALLOC", b"@k", b"3M"], Value::Null),
        (&[b"VREALLOC", b"@k", b"1M", b"COPY"], Value::Null),
        (&[b"VPROT", b"@k", b"none"], Value::Status("OK".into())),
    ];
    for (request, answer) in requests {
        for helpers in [0, 1] {
            let mut world = match helpers {
                0 => World::new(),
                _ => World::with_helpers("", 4096, 1, 5),
            };
            let (mut other, mut writer) = (world.connect(), world.connect());
            set(&mut world, &mut other, "k", &value);
            let mut reader = slow_reader(&mut world, "GET k");
            world.send(&mut writer, &multibulk(request));
            world.settle();
            assert_eq!(world.received(&mut writer), 0, "{request:?}");
            // Other clients are served, and requests that only read are not delayed.
            assert_eq!(world.ok(&mut other, "STRLEN k"), Value::Integer(LONG as u64));
            assert_eq!(world.ok(&mut other, "GETRANGE k 0 2").bytes(), &value[..3]);
            assert!(world.reply(&mut reader) == Value::Bulk(value.clone()), "{request:?}");
            match world.reply(&mut writer) {
                Value::Array(_) => assert_eq!(answer, Value::Null, "{request:?}"),
                other => assert_eq!(other, answer, "{request:?}"),
            }
            world.check(&mut other);
        }
    }
}

#[test]
fn a_sum_and_other_readers_do_not_wait() {
    let mut world = World::new();
    let mut other = world.connect();
    let value = pattern(LONG);
    set(&mut world, &mut other, "k", &value);
    let sum = world.ok(&mut other, "VSUM @k");
    let mut reader = slow_reader(&mut world, "GET k");
    assert_eq!(world.ok(&mut other, "VSUM @k"), sum);
    assert!(world.ok(&mut other, "GET k") == Value::Bulk(value.clone()));
    assert!(world.reply(&mut reader) == Value::Bulk(value));
}

/// A request that writes a key must be executed although the replies of readers of this key overlap all the time.
#[test]
fn a_writer_has_its_turn_between_readers() {
    let mut world = World::new();
    let mut writer = world.connect();
    let value = pattern(LONG);
    set(&mut world, &mut writer, "k", &value);
    let mut one = slow_reader(&mut world, "GET k");
    world.send(&mut writer, b"APPEND k !\r\n");
    world.settle();
    let mut two = slow_reader(&mut world, "GET k");
    assert_eq!(world.received(&mut two), 0, "it is delayed until the writer was served");
    assert!(world.reply(&mut one) == Value::Bulk(value.clone()));
    assert_eq!(world.reply(&mut writer), Value::Integer(LONG as u64 + 1));
    assert!(world.reply(&mut two) == Value::Bulk([&value[..], b"!"].concat()));
    // After the waiting writer has disconnected, readers are no longer delayed.
    let mut one = slow_reader(&mut world, "GET k");
    world.send(&mut writer, b"APPEND k !\r\n");
    world.settle();
    world.reset(&writer);
    world.settle();
    let mut two = slow_reader(&mut world, "GET k");
    assert!(world.received(&mut two) > 0);
    world.reply(&mut one);
    world.reply(&mut two);
}

#[test]
fn a_writer_whose_key_was_deleted_does_not_block_the_next_one() {
    let mut world = World::new();
    let (mut writer, mut next) = (world.connect(), world.connect());
    let value = pattern(LONG);
    set(&mut world, &mut next, "k", &value);
    let mut reader = slow_reader(&mut world, "GET k");
    world.send(&mut writer, b"APPEND k !\r\n");
    world.settle();
    world.ok(&mut next, "DEL k");
    world.reply(&mut reader);
    assert_eq!(world.reply(&mut writer), Value::Integer(1), "a new key");
    // The next writer, on a new key with the same name, is executed between two readers.
    set(&mut world, &mut writer, "k", &value);
    let mut one = slow_reader(&mut world, "GET k");
    world.send(&mut next, b"APPEND k !\r\n");
    world.settle();
    let mut two = slow_reader(&mut world, "GET k");
    assert_eq!(world.received(&mut two), 0, "it is delayed until the writer was served");
    world.reply(&mut one);
    assert_eq!(world.reply(&mut next), Value::Integer(LONG as u64 + 1));
    world.reply(&mut two);
}

#[test]
fn a_reader_with_a_closed_window_is_closed_in_time() {
    let mut world = World::new();
    let (mut other, mut writer) = (world.connect(), world.connect());
    set(&mut world, &mut other, "k", &pattern(LONG));
    let reader = slow_reader(&mut world, "GET k");
    world.send(&mut writer, b"SETRANGE k 0 x\r\n");
    world.pass(30);
    let limit = limits::REPLY_SECONDS_MIN + LONG as u64 / limits::REPLY_BYTES_PER_SECOND_MIN;
    world.sleep(limit - 31);
    assert_eq!(world.received(&mut writer), 0);
    assert!(!world.has_ended(&reader));
    // The image sleeps and wakes at the deadline: no packet is due before it.
    world.sleep(2);
    assert_eq!(world.received(&mut writer), b":600000\r\n".len());
    assert_eq!(world.reply(&mut writer), Value::Integer(LONG as u64));
    assert_eq!(world.counter(&mut other, "clients_slow"), 1);
    assert_eq!(world.counter(&mut other, "clients"), 2);
    world.check(&mut other);
}

#[test]
fn a_reader_that_vanishes_does_not_block_others() {
    let mut world = World::new();
    let (mut other, mut writer) = (world.connect(), world.connect());
    set(&mut world, &mut other, "k", &pattern(LONG));
    let kinds: [fn(&mut World, &Client, &mut Client); 2] = [
        |world, reader, _| world.reset(reader),
        |world, reader, other| {
            let _ = reader;
            let list = world.ok(other, "CLIENT LIST").text();
            let id = list.lines().last().unwrap().split(' ').next().unwrap();
            world.ok(other, &format!("CLIENT KILL ID {}", id.strip_prefix("id=").unwrap()));
        },
    ];
    for (end, number) in kinds.into_iter().zip(1..) {
        let reader = slow_reader(&mut world, "GET k");
        world.send(&mut writer, b"APPEND k !\r\n");
        world.settle();
        assert_eq!(world.received(&mut writer), 0);
        end(&mut world, &reader, &mut other);
        assert_eq!(world.reply(&mut writer), Value::Integer(LONG as u64 + number));
    }
    let reader = slow_reader(&mut world, "GET k");
    world.ok(&mut other, "DEL k");
    world.reset(&reader);
    world.settle();
    assert!(world.check(&mut other).starts_with("OK areas=0 "));
}

#[test]
fn kept_pages_count_in_the_quota_until_they_are_sent() {
    let mut world = World::with("quota.named=1048576", 4096);
    let mut other = world.connect();
    let value = pattern(LONG);
    set(&mut world, &mut other, "k", &value);
    let mut reader = slow_reader(&mut world, "GET k");
    world.ok(&mut other, "DEL k");
    let refused = world.request(&mut other, &[b"SET", b"k", &value]);
    assert!(matches!(refused, Value::Error(_)), "{refused:?}");
    assert!(world.reply(&mut reader) == Value::Bulk(value.clone()));
    world.settle();
    set(&mut world, &mut other, "k", &value);
    assert_eq!(world.ok(&mut other, "VQUOTA").field("named_used").integer(), 147 * 4096);
}

#[test]
fn a_reply_that_is_not_wanted_is_not_streamed() {
    let mut world = World::new();
    let mut client = world.connect();
    set(&mut world, &mut client, "k", &pattern(LONG));
    world.send(&mut client, b"CLIENT REPLY SKIP\r\nGET k\r\nPING one\r\n");
    assert_eq!(world.reply(&mut client).text(), "one");
    world.send(&mut client, b"CLIENT REPLY OFF\r\nGET k\r\nVREAD @k 0 500000\r\nPING two\r\n");
    world.send(&mut client, b"APPEND k !\r\nCLIENT REPLY ON\r\nPING three\r\n");
    assert_eq!(world.reply(&mut client), Value::Status("OK".into()));
    assert_eq!(world.reply(&mut client).text(), "three");
    assert_eq!(world.counter(&mut client, "replies_streamed"), 0);
    world.check(&mut client);
}

#[test]
fn a_region_that_cannot_be_read_says_so_before_its_header() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 1M NAME k");
    world.ok(&mut client, "VPROT @k none");
    let fault = "FAULT region=1 name=k offset=0 access=read";
    assert_eq!(world.error(&mut client, "GET k"), fault);
    assert_eq!(world.ask(&mut client, "PING"), Value::Status("PONG".into()));
}

/// Requests for a key wait while the key grows, because Redis has no error for this case.
#[test]
fn a_key_that_is_being_resized_answers_afterwards() {
    let mut world = World::with("", 8192);
    let (mut one, mut other) = (world.connect(), world.connect());
    world.ok(&mut one, "SET k hello");
    world.send(&mut one, b"SETRANGE k 12582912 x\r\n");
    world.step();
    world.step();
    world.send(&mut other, b"GETRANGE k 0 4\r\nSTRLEN k\r\nVREAD @k 0 5\r\n");
    assert_eq!(world.reply(&mut other), Value::Bulk(b"hello".to_vec()));
    assert_eq!(world.reply(&mut other), Value::Integer(12_582_913));
    assert_eq!(world.reply(&mut other), Value::Bulk(b"hello".to_vec()));
    assert_eq!(world.reply(&mut one), Value::Integer(12_582_913));
}

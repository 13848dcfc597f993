//! Tests of requests and replies that are larger than any buffer, and of clients that do not read.

use crate::harness::{World, multibulk};
use crate::value::Value;

/// Bytes with a long period, so that a misplaced piece is detected.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at * 31 + at / 251) % 256).unwrap()).collect()
}

#[test]
fn a_write_of_sixteen_megabytes_and_its_reads() {
    let mut world = World::with("", 8192);
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 17M NAME big");
    let data = pattern(16 << 20);
    let reply = world.request(&mut client, &[b"VWRITE", b"@big", b"1000", &data]);
    assert_eq!(reply, Value::Integer(16 << 20));
    for start in (0..16usize << 20).step_by(1 << 20) {
        let line = format!("VREAD @big {} 1M", start + 1000);
        let expected = Value::Bulk(data[start..start + (1 << 20)].to_vec());
        assert!(world.ok(&mut client, &line) == expected, "{line}");
    }
    assert_eq!(world.ok(&mut client, "VREAD @big 0 1000"), Value::Bulk(vec![0; 1000]));
    assert_eq!(
        world.error(&mut client, "VREAD @big 0 16777217"),
        "LIMIT reply exceeds 16777216 bytes"
    );
    assert_eq!(world.counter(&mut client, "replies_streamed"), 16);
    assert_eq!(world.counter(&mut client, "replies_spilled"), 0);
    world.check(&mut client);
}

#[test]
fn a_large_write_that_is_refused_is_thrown_away() {
    let mut world = World::new();
    let mut client = world.connect();
    let mut other = world.connect();
    world.ok(&mut client, "VMALLOC 100K NAME small");
    world.ok(&mut client, "VMALLOC 1M PROT ro NAME fixed");
    world.ok(&mut other, "VMALLOC 1M");
    let data = pattern(200_000);
    let cases: [(&[u8], &[u8], &str); 5] = [
        (b"@small", b"0", "RANGE region=1 name=small offset=0 length=200000 requested=102400"),
        (b"@none", b"0", "NOENT no region named none"),
        (b"3", b"0", "PERM region 3 belongs to another connection"),
        (b"@small", b"x", "INVAL an offset is a number of bytes, not 'x'"),
        (b"@fixed", b"5", "FAULT region=2 name=fixed offset=5 access=write"),
    ];
    for (region, offset, expected) in cases {
        let reply = world.request(&mut client, &[b"VWRITE", region, offset, &data]);
        assert_eq!(reply, Value::Error(expected.into()));
        assert_eq!(world.ask(&mut client, "PING"), Value::Status("PONG".into()));
    }
    assert_eq!(world.ok(&mut client, "VREAD @small 0 4"), Value::Bulk(vec![0; 4]));
}

#[test]
fn a_region_that_is_freed_while_it_is_written() {
    let mut world = World::new();
    let mut writer = world.connect();
    let mut other = world.connect();
    world.ok(&mut writer, "VMALLOC 1M NAME a");
    let request = multibulk(&[b"VWRITE", b"@a", b"0", &pattern(1 << 20)]);
    world.send(&mut writer, &request[..500_000]);
    world.settle();
    world.ok(&mut other, "VFREE @a");
    // The same addresses are allocated again, and contain the bytes of another client.
    world.ok(&mut other, "VMALLOC 1M NAME b");
    world.send(&mut writer, &request[500_000..]);
    assert_eq!(world.reply(&mut writer), Value::Error("NOENT region 1 is gone".into()));
    assert_eq!(world.ask(&mut writer, "PING"), Value::Status("PONG".into()));
    assert_eq!(world.ok(&mut other, "VREAD @b 600000 100"), Value::Bulk(vec![0; 100]));
    world.check(&mut other);
}

#[test]
fn a_connection_that_ends_in_the_midst_of_a_large_write() {
    let mut world = World::new();
    let mut witness = world.connect();
    let mut writer = world.connect();
    world.ok(&mut writer, "VMALLOC 1M");
    let request = multibulk(&[b"VWRITE", b"1", b"0", &pattern(1 << 20)]);
    world.send(&mut writer, &request[..500_000]);
    world.close(&writer);
    world.settle();
    assert!(world.check(&mut witness).starts_with("OK areas=0 "));
}

#[test]
fn zeroing_is_sliced() {
    let mut world = World::with("", 20_000);
    let mut client = world.connect();
    let mut other = world.connect();
    // Fills memory with old contents, which must not become visible to the next client.
    world.ok(&mut client, "VMALLOC 70M NAME a");
    let data = pattern(1 << 20);
    for at in [0usize, 33, 69] {
        let offset = format!("{at}M");
        world.request(&mut client, &[b"VWRITE", b"@a", offset.as_bytes(), &data]);
    }
    world.ok(&mut client, "VFREE @a");

    world.send(&mut client, b"VMALLOC 70M NAME b\r\n");
    let mut answered = 0;
    world.step();
    world.step();
    assert_eq!(world.error(&mut other, "VREAD 16777217 0 1"), "NOENT no region 16777217");
    assert_eq!(world.ok(&mut other, "VFREE 16777217"), Value::Integer(0));
    while world.received(&mut client) == 0 {
        assert_eq!(world.ask(&mut other, "PING"), Value::Status("PONG".into()));
        answered += 1;
    }
    assert!(answered > 10, "{answered} PINGs while 70 MB were zeroed");
    world.reply(&mut client);
    for at in 0..70 {
        let line = format!("VREAD @b {at}M 1M");
        assert!(world.ok(&mut client, &line) == Value::Bulk(vec![0; 1 << 20]), "{line}");
    }
}

#[test]
fn a_client_that_does_not_read_is_not_read_from() {
    let mut world = World::new();
    let mut witness = world.connect();
    let before = world.counter(&mut witness, "frames_free");
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 1M NAME a");
    let request = b"VREAD @a 0 100000\r\n".repeat(10_000);
    let mut taken = 0;
    for _ in 0..5000 {
        taken += world.push(&client, &request[taken..]);
        world.step();
    }
    world.settle();
    let served = world.counter(&mut witness, "commands");
    assert!(served < 20, "{served} requests served for a client that does not read");
    let at_server = taken - world.socket(&client).send_queue();
    // A wide receive buffer and the input of the connection, 68 KiB each.
    assert!(at_server <= 2 * (68 << 10), "{at_server} bytes read from a client that does not read");

    // The client reads, and gets all replies in order.
    for _ in 0..1000 {
        assert!(world.reply(&mut client) == Value::Bulk(vec![0; 100_000]));
    }
    world.reset(&client);
    world.ok(&mut witness, "VFREE @a");
    world.settle();
    world.purge(&mut witness);
    assert_eq!(world.counter(&mut witness, "frames_free"), before);
}

#[test]
fn a_reply_that_no_buffer_holds_is_refused() {
    let mut world = World::with("output=65536", 16_384);
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 20M NAME a");
    assert_eq!(
        world.error(&mut client, "VPTE @a"),
        "LIMIT reply exceeds 65536 bytes, use offset and pages"
    );
    assert_eq!(world.ok(&mut client, "VPTE @a 0 100").items().len(), 100);
    for _ in 0..1200 {
        world.ok(&mut client, "VMALLOC 1");
    }
    assert_eq!(
        world.error(&mut client, "VMALLOCINFO"),
        "LIMIT reply exceeds 65536 bytes, use VLIST"
    );
    assert_eq!(
        world.error(&mut client, "VLIST COUNT 5000"),
        "LIMIT reply exceeds 65536 bytes, use a smaller COUNT"
    );
    assert_eq!(world.ask(&mut client, "PING"), Value::Status("PONG".into()));
}

#[test]
fn large_and_small_replies_keep_their_order() {
    let mut world = World::new();
    let mut client = world.connect();
    let mut bytes = Vec::new();
    for number in 0..100 {
        let text = vec![b'a' + number % 26; 1 + usize::from(number % 5) * 16_000];
        bytes.extend(multibulk(&[b"ECHO", &text]));
        bytes.extend(multibulk(&[b"ECHO", &[number]]));
    }
    // Sending all requests before reading a reply would be a deadlock caused by the client.
    world.send(&mut client, &bytes);
    for number in 0..100 {
        let text = vec![b'a' + number % 26; 1 + usize::from(number % 5) * 16_000];
        assert!(world.reply(&mut client) == Value::Bulk(text), "{number}");
        assert_eq!(world.reply(&mut client), Value::Bulk(vec![number]));
    }
}

#[test]
fn a_large_region_is_zeroed_in_slices_with_any_rights() {
    for rights in ["rw", "ro"] {
        let mut world = World::with("", 8192);
        let mut large = world.connect();
        let mut small = world.connect();
        world.send(&mut large, format!("VMALLOC 16M PROT {rights} NAME r\r\n").as_bytes());
        assert_eq!(world.ask(&mut small, "PING"), Value::Status("PONG".into()));
        assert_eq!(world.received(&mut large), 0, "{rights}: 4096 pages in one turn");
        assert!(matches!(world.reply(&mut large), Value::Array(_)));
        for start in (0..16usize << 20).step_by(1 << 20) {
            let read = world.ok(&mut small, &format!("VREAD @r {start} 1M"));
            assert!(read == Value::Bulk(vec![0; 1 << 20]), "{rights}: not zero behind {start}");
        }
    }
}

#[test]
fn an_inline_request_that_is_served_again_is_the_same_request() {
    let mut world = World::with("", 8192);
    let mut client = world.connect();
    world.ok(&mut client, "SET r 1");
    world.send(&mut client, b"SETRANGE   'r'  8000000 \"a\\x20b\" \r\n");
    assert_eq!(world.reply(&mut client), Value::Integer(8_000_003));
    assert_eq!(world.ok(&mut client, "GETRANGE r 8000000 -1"), Value::Bulk(b"a b".to_vec()));
    // The second request waits until the first reply was sent.
    let value = "x".repeat(40_000);
    let line = format!("ECHO  '{value}'\r\n");
    world.send(&mut client, line.repeat(3).as_bytes());
    for _ in 0..3 {
        assert!(world.reply(&mut client) == Value::Bulk(value.clone().into_bytes()));
    }
}

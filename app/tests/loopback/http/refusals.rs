//! A refused peer that still sends gets the response and a FIN, not a reset.

use runtime_config::limits::HTTP_HEAD_BYTES_MAX;

use super::reader::Reader;
use crate::harness::World;

/// Bytes that exceed the image's buffers for a connection.
const BODY_BYTES: usize = 200 << 10;

#[test]
fn a_peer_that_still_sends_gets_its_refusal() {
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(HTTP_HEAD_BYTES_MAX));
    let fields = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(65));
    for (head, status) in [
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 204800\r\n\r\n", 405),
        ("PUT /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 405),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 204800\r\n\r\n", 413),
        ("GET / HTTP/1.1\r\nContent-Length: 204800\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
        ("\u{1}nonsense\r\n\r\n", 400),
        (&long, 431),
        (&fields, 431),
    ] {
        let mut world = World::new();
        let mut reader = Reader::connect(&mut world);
        reader.send(&mut world, head);
        reader.send(&mut world, &"x".repeat(BODY_BYTES));
        let answer = reader.answer(&mut world);
        assert_eq!((answer.status, answer.field("connection")), (status, Some("close")), "{head}");
        assert!(answer.text().ends_with('\n'), "{head}");
        // Bytes that arrive after the FIN are discarded too.
        reader.send(&mut world, &"x".repeat(BODY_BYTES));
        reader.expect_end(&mut world);
        reader.finish(&mut world);
        world.settle();
        let mut client = world.connect();
        assert_eq!(world.counter(&mut client, "http_clients"), 0, "{head}");
    }
}

#[test]
fn a_refusal_arrives_in_one_piece_with_its_text() {
    let mut world = World::new();
    let mut reader = Reader::connect(&mut world);
    let answer =
        reader.ask(&mut world, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nPING");
    assert_eq!(answer.field("content-length").unwrap(), answer.text().len().to_string());
    assert_eq!(answer.text(), "reports are read with GET or HEAD\n");
}

#[test]
fn in_a_crowd_each_request_is_answered_or_refused() {
    let mut world = World::new();
    let mut client = world.connect();
    for _ in 0..3 {
        let mut readers: Vec<Reader> = (0..40).map(|_| Reader::dial(&mut world)).collect();
        for reader in &mut readers {
            world.wait("a connection", |world| world.socket(&reader.client).may_send());
            reader.send(&mut world, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
        }
        for reader in &mut readers {
            assert_eq!(reader.answer(&mut world).status, 405);
            reader.send(&mut world, "123456789");
            reader.expect_end(&mut world);
        }
        for mut reader in readers {
            reader.finish(&mut world);
        }
        world.settle();
    }
    assert_eq!(world.counter(&mut client, "http_clients"), 0);
}

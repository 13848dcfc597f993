//! The reports over HTTP.

mod dropped;
mod hostile;
mod map;
mod places;
mod reader;
mod refusals;
mod reports;

use runtime_config::ports;

use crate::harness::World;
use crate::value::Value;
use reader::{Answer, Reader};

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn health_is_a_word() {
    let mut world = World::new();
    let mut reader = Reader::connect(&mut world);
    let answer = reader.get(&mut world, "/healthz");
    assert_eq!((answer.status, answer.text()), (200, "ok\n"));
    assert_eq!(answer.field("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.field("content-length"), Some("3"));
    let policy = answer.field("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
}

#[test]
fn a_head_that_is_cut_at_every_byte() {
    for cut in 1..HEALTH.len() {
        let mut world = World::with("clients=2", 1024);
        let mut reader = Reader::connect(&mut world);
        reader.send(&mut world, &HEALTH[..cut]);
        world.settle();
        assert!(reader.is_drained(&mut world), "an answer to {cut} bytes");
        reader.send(&mut world, &HEALTH[cut..]);
        assert_eq!(reader.answer(&mut world).text(), "ok\n", "{cut}");
    }
}

#[test]
fn a_head_without_its_body() {
    let mut world = World::new();
    let mut reader = Reader::connect(&mut world);
    for path in ["/healthz", "/metrics", "/page.js", "/vmallocinfo", "/nothing"] {
        let whole = reader.get(&mut world, path);
        reader.send(&mut world, &format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let head = reader.head(&mut world);
        assert_eq!(head.status, whole.status, "{path}");
        assert_eq!(head.field("content-length"), whole.field("content-length"), "{path}");
        assert_eq!(head.field("content-type"), whole.field("content-type"), "{path}");
        world.settle();
        assert!(reader.is_drained(&mut world), "a body behind the head of {path}");
    }
}

#[test]
fn missing_targets_and_other_methods_are_refused() {
    let mut world = World::new();
    let mut reader = Reader::connect(&mut world);
    assert_eq!(reader.get(&mut world, "/nothing").status, 404);
    let answer = reader.ask(&mut world, "DELETE /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((answer.status, answer.field("allow")), (405, Some("GET, HEAD")));
    // Both keep the connection open.
    assert_eq!(reader.get(&mut world, "/healthz").status, 200);
    for (request, status) in [
        ("GET /healthz HTTP/1.1\r\n\r\n", 400),
        ("nonsense\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", 413),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nPING", 405),
        ("*1\r\n$4\r\nPING\r\n", 400),
    ] {
        let mut reader = Reader::connect(&mut world);
        let answer = reader.ask(&mut world, request);
        assert_eq!(answer.status, status, "{request:?}");
        assert_eq!(answer.field("connection"), Some("close"), "{request:?}");
        reader.expect_end(&mut world);
    }
    let mut client = world.connect();
    assert_eq!(world.counter(&mut client, "http_errors"), 7);
    assert_eq!(world.counter(&mut client, "http_requests"), 8);
}

#[test]
fn requests_in_one_packet_are_answered_in_order() {
    let mut world = World::new();
    let mut client = world.connect();
    for _ in 0..100 {
        world.ok(&mut client, "VMALLOC 1");
    }
    let mut reader = Reader::connect(&mut world);
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    let requests = [get("/vmallocinfo"), get("/nothing"), get("/healthz"), get("/metrics")];
    reader.send(&mut world, &requests.concat());
    let answers: Vec<Answer> = requests.iter().map(|_| reader.answer(&mut world)).collect();
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 404, 200, 200]);
    assert_eq!(answers[0].text().lines().count(), 100);
    assert_eq!(answers[2].text(), "ok\n");
    assert!(answers[3].text().contains("\nvmalloc_areas{state=\"busy\"} 100\n"));
}

#[test]
fn a_connection_is_kept_where_that_was_not_refused() {
    let mut world = World::new();
    let mut reader = Reader::connect(&mut world);
    for _ in 0..50 {
        assert_eq!(reader.get(&mut world, "/healthz").field("connection"), Some("keep-alive"));
    }
    let close = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert_eq!(reader.ask(&mut world, close).text(), "ok\n");
    reader.expect_end(&mut world);

    // HTTP/1.0 has no chunks: the end of the connection ends the body.
    let mut reader = Reader::connect(&mut world);
    reader.send(&mut world, "GET /metrics HTTP/1.0\r\n\r\n");
    let answer = reader.answer_to_end(&mut world);
    assert_eq!(answer.status, 200);
    assert_eq!((answer.field("transfer-encoding"), answer.field("content-length")), (None, None));
    assert!(answer.text().ends_with('\n'));
}

#[test]
fn a_peer_that_has_said_all_still_gets_its_answers() {
    let mut world = World::new();
    let mut reader = Reader::connect(&mut world);
    reader.send(&mut world, &[HEALTH, HEALTH, "GET /"].concat());
    reader.finish(&mut world);
    for _ in 0..2 {
        assert_eq!(reader.answer(&mut world).text(), "ok\n");
    }
    reader.expect_end(&mut world);
}

#[test]
fn no_reports_without_a_port() {
    let mut world = World::with("http=0", 1024);
    let reader = world.dial_to(ports::HTTP);
    world.settle();
    assert!(!world.socket(&reader).is_open(), "somebody listens");
    let mut client = world.connect();
    assert_eq!(world.ask(&mut client, "PING"), Value::Status("PONG".into()));
}

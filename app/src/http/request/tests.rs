use super::*;

fn head(text: &str) -> Head {
    match parse(text.as_bytes()) {
        ParsedHead::Head(head, _) => head,
        ParsedHead::Incomplete => panic!("{text:?} is incomplete"),
    }
}

fn status(text: &str) -> Status {
    head(text).answer.err().unwrap_or(Status::Ok)
}

#[test]
fn a_head_is_incomplete_at_every_cut() {
    let text = "GET /healthz HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
    for cut in 0..text.len() {
        assert!(matches!(parse(&text.as_bytes()[..cut]), ParsedHead::Incomplete), "{cut}");
    }
    let two = [text, text].concat();
    assert!(matches!(parse(two.as_bytes()), ParsedHead::Head(head, length)
        if length == text.len() && head.answer.is_ok() && head.keeps_alive));
}

#[test]
fn invalid_requests_are_refused() {
    for (text, expected) in [
        ("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", Status::Ok),
        ("GET http://a:8080/healthz HTTP/1.1\r\nHost: a\r\n\r\n", Status::Ok),
        ("GET /healthz HTTP/1.1\r\n\r\n", Status::BadRequest),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", Status::BadRequest),
        ("GET /healthz HTTP/1.0\r\n\r\n", Status::Ok),
        ("GET /healthz HTTP/2.0\r\n\r\n", Status::Version),
        ("GET  HTTP/1.1\r\nHost: a\r\n\r\n", Status::BadRequest),
        ("GET /healthz\r\n\r\n", Status::BadRequest),
        ("G\u{1}T / HTTP/1.1\r\nHost: a\r\n\r\n", Status::BadRequest),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", Status::BadRequest),
        ("PING\r\n", Status::BadRequest),
        ("*1\r\n$4\r\nPING\r\n", Status::BadRequest),
        ("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", Status::NotFound),
        ("GET /Healthz HTTP/1.1\r\nHost: a\r\n\r\n", Status::NotFound),
        ("GET /../healthz HTTP/1.1\r\nHost: a\r\n\r\n", Status::NotFound),
        ("POST /healthz HTTP/1.1\r\nHost: a\r\n\r\n", Status::MethodNotAllowed),
        ("get /healthz HTTP/1.1\r\nHost: a\r\n\r\n", Status::MethodNotAllowed),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", Status::MethodNotAllowed),
    ] {
        assert_eq!(status(text), expected, "{text:?}");
    }
}

#[test]
fn no_request_has_a_body() {
    let with = |fields: &str| head(&format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
    let empty = with("Content-Length: 0\r\n");
    assert!(empty.answer.is_ok() && empty.keeps_alive);
    for (fields, status) in [
        ("Content-Length: 3\r\n", Status::BodyRefused),
        ("Transfer-Encoding: chunked\r\n", Status::BodyRefused),
        ("Content-Length: 0\r\nContent-Length: 0\r\n", Status::BadRequest),
        ("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", Status::BadRequest),
        ("Content-Length: -1\r\n", Status::BadRequest),
        ("Content-Length:\r\n", Status::BadRequest),
    ] {
        let head = with(fields);
        assert_eq!(head.answer.err(), Some(status), "{fields:?}");
        assert!(!head.keeps_alive, "{fields:?}");
    }
    let post = head("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
    assert!(post.answer.err() == Some(Status::MethodNotAllowed) && !post.keeps_alive);
}

#[test]
fn a_head_has_a_maximum_size() {
    let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(HTTP_HEAD_BYTES_MAX));
    assert_eq!(status(&long), Status::HeadTooLarge);
    let bytes = &long.as_bytes()[..HTTP_HEAD_BYTES_MAX - 1];
    assert!(matches!(parse(bytes), ParsedHead::Incomplete));
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "a: b\r\n".repeat(FIELDS_MAX));
    assert_eq!(status(&many), Status::HeadTooLarge);
}

#[test]
fn browsers_get_the_page() {
    let asks = |fields: &str| {
        let head = head(&format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
        head.answer.unwrap().kind
    };
    assert!(asks("Accept: text/html,*/*\r\nUser-Agent: Mozilla/5.0\r\n").starts_with("text/html"));
    for fields in ["", "Accept: */*\r\n", "Accept: text/html\r\nUser-Agent: curl/8.0\r\n"] {
        assert!(asks(fields).starts_with("text/plain"), "{fields:?}");
    }
}

#[test]
fn connections_are_kept_open_by_version_and_field() {
    let keeps = |version: &str, fields: &str| {
        head(&format!("GET /healthz HTTP/{version}\r\nHost: a\r\n{fields}\r\n")).keeps_alive
    };
    assert!(keeps("1.1", "") && keeps("1.1", "Connection: keep-alive\r\n"));
    assert!(!keeps("1.1", "Connection: Close\r\n") && !keeps("1.1", "Connection: x , close\r\n"));
    assert!(!keeps("1.0", "") && !keeps("1.0", "Connection: keep-alive\r\n"));
}

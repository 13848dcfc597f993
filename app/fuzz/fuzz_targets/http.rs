//! The head of an HTTP request: no panic, no length beyond the input, and the same result for one piece and two pieces.
#![no_main]

use app::http::{self, Head, ParsedHead};
use libfuzzer_sys::fuzz_target;

/// Returns the properties that determine the response.
fn gist(head: &Head) -> (Result<&'static str, http::Status>, [bool; 3]) {
    let answer = head.answer.as_ref().map(|content| content.kind).map_err(|status| *status);
    (answer, [head.is_head, head.is_old, head.keeps_alive])
}

fuzz_target!(|bytes: &[u8]| {
    let ParsedHead::Head(head, length) = http::parse(bytes) else {
        // An incomplete head is also incomplete without its last byte.
        let shorter = bytes.len().saturating_sub(1);
        assert!(matches!(http::parse(&bytes[..shorter]), ParsedHead::Incomplete));
        return;
    };
    assert!(0 < length && length <= bytes.len(), "{length} of {} bytes", bytes.len());
    if head.answer.is_ok() {
        // Later bytes have no effect, and an incomplete head has no result.
        let ParsedHead::Head(alone, same) = http::parse(&bytes[..length]) else { panic!("not alone") };
        assert_eq!((gist(&alone), same), (gist(&head), length));
        assert!(matches!(http::parse(&bytes[..length - 1]), ParsedHead::Incomplete));
    } else {
        assert_ne!(head.answer.err(), Some(http::Status::Ok));
    }
});

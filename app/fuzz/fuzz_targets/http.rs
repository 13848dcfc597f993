//! The head of an HTTP request: never a panic, never a step beyond what came, and the same answer
//! whether it comes at once or in two pieces.
#![no_main]

use app::http::{self, Head, ParsedHead};
use libfuzzer_sys::fuzz_target;

/// What decides what is sent back.
fn gist(head: &Head) -> (Result<&'static str, http::Status>, [bool; 3]) {
    let answer = head.answer.as_ref().map(|content| content.kind).map_err(|status| *status);
    (answer, [head.is_head, head.is_old, head.keeps_alive])
}

fuzz_target!(|bytes: &[u8]| {
    let ParsedHead::Head(head, length) = http::parse(bytes) else {
        // What is incomplete was so before its last byte came.
        let shorter = bytes.len().saturating_sub(1);
        assert!(matches!(http::parse(&bytes[..shorter]), ParsedHead::Incomplete));
        return;
    };
    assert!(0 < length && length <= bytes.len(), "{length} of {} bytes", bytes.len());
    if head.answer.is_ok() {
        // What follows it changes nothing, and nothing is answered before it is whole.
        let ParsedHead::Head(alone, same) = http::parse(&bytes[..length]) else { panic!("not alone") };
        assert_eq!((gist(&alone), same), (gist(&head), length));
        assert!(matches!(http::parse(&bytes[..length - 1]), ParsedHead::Incomplete));
    } else {
        assert_ne!(head.answer.err(), Some(http::Status::Ok));
    }
});

//! Replies as redis-cli prints them (`cliFormatReplyTTY` and `cliFormatReplyRaw` of Redis 7).

use std::fmt::Write;

use super::Reply;

/// For a terminal; ends with a newline.
pub(super) fn terminal(reply: &Reply) -> String {
    let mut text = String::new();
    write_terminal(&mut text, reply, "");
    text
}

fn write_terminal(text: &mut String, reply: &Reply, prefix: &str) {
    match reply {
        Reply::Status(status) => line(text, status),
        Reply::Error(error) => line(text, &format!("(error) {error}")),
        Reply::Integer(number) => line(text, &format!("(integer) {number}")),
        Reply::Bulk(None) | Reply::Array(None) => line(text, "(nil)"),
        Reply::Bulk(Some(bytes)) => line(text, &quoted(bytes)),
        Reply::Array(Some(items)) if items.is_empty() => line(text, "(empty array)"),
        Reply::Array(Some(items)) => write_items(text, items, prefix),
    }
}

/// The first item stands behind the number that the parent has written.
fn write_items(text: &mut String, items: &[Reply], prefix: &str) {
    let width = items.len().to_string().len();
    let deeper = format!("{prefix}{}", " ".repeat(width + 2));
    for (index, item) in items.iter().enumerate() {
        let before = if index == 0 { "" } else { prefix };
        let _ = write!(text, "{before}{:>width$}) ", index + 1);
        write_terminal(text, item, &deeper);
    }
}

fn line(text: &mut String, content: &str) {
    text.push_str(content);
    text.push('\n');
}

fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            0x07 => text.push_str("\\a"),
            0x08 => text.push_str("\\b"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text.push('"');
    text
}

/// For a file; items are separated by newlines.
pub(super) fn raw(reply: &Reply) -> Vec<u8> {
    match reply {
        Reply::Status(status) => status.clone().into_bytes(),
        Reply::Error(error) => format!("{error}\n").into_bytes(),
        Reply::Integer(number) => number.to_string().into_bytes(),
        Reply::Bulk(None) | Reply::Array(None) => Vec::new(),
        Reply::Bulk(Some(bytes)) => bytes.clone(),
        Reply::Array(Some(items)) => items.iter().map(raw).collect::<Vec<_>>().join(&b'\n'),
    }
}

//! Formats replies like redis-cli 7.0 (`cliFormatReplyTTY` and `cliFormatReplyRaw`). One difference:
//! redis-cli exits when it receives a big number, and here its digits are printed.

use super::reply::Reply;

impl Reply {
    /// Formats the reply as redis-cli does on a terminal, with a newline at the end.
    pub(crate) fn terminal(&self) -> String {
        String::from_utf8_lossy(&self.terminal_bytes()).into_owned()
    }

    /// As [`Self::terminal`], with the bytes of verbatim strings unchanged.
    pub(crate) fn terminal_bytes(&self) -> Vec<u8> {
        terminal(self)
    }

    /// Formats the reply as `redis-cli --raw` does, with a newline at the end.
    pub(crate) fn raw(&self) -> Vec<u8> {
        let mut bytes = raw(self);
        bytes.push(b'\n');
        bytes
    }
}

/// Formats a reply for a terminal, with a newline at the end.
fn terminal(reply: &Reply) -> Vec<u8> {
    let mut text = Vec::new();
    write_terminal(&mut text, reply, "");
    text
}

fn write_terminal(text: &mut Vec<u8>, reply: &Reply, prefix: &str) {
    match reply {
        Reply::Status(status) => line(text, status),
        Reply::Error(error) => line(text, format!("(error) {error}")),
        Reply::Integer(number) => line(text, format!("(integer) {number}")),
        Reply::Double(number) => line(text, format!("(double) {number}")),
        Reply::BigNumber(digits) => line(text, format!("(big number) {digits}")),
        Reply::Boolean(value) => line(text, format!("({value})")),
        Reply::Null | Reply::Bulk(None) | Reply::Array(None) => line(text, "(nil)"),
        Reply::Bulk(Some(bytes)) => line(text, quoted(bytes)),
        Reply::Verbatim(bytes) => line(text, bytes),
        Reply::Array(Some(items)) => write_items(text, items, prefix, ')', "(empty array)"),
        Reply::Set(items) => write_items(text, items, prefix, '~', "(empty set)"),
        Reply::Push(items) => write_items(text, items, prefix, ')', "(empty push)"),
        Reply::Map(pairs) => write_pairs(text, pairs, prefix),
    }
}

fn write_items(text: &mut Vec<u8>, items: &[Reply], prefix: &str, sign: char, empty: &str) {
    if items.is_empty() {
        line(text, empty);
    }
    let numbers = Numbers::new(items.len(), prefix, sign);
    for (index, item) in items.iter().enumerate() {
        numbers.write(text, index);
        write_terminal(text, item, &numbers.deeper);
    }
}

fn write_pairs(text: &mut Vec<u8>, pairs: &[(Reply, Reply)], prefix: &str) {
    if pairs.is_empty() {
        line(text, "(empty hash)");
    }
    let numbers = Numbers::new(pairs.len(), prefix, '#');
    for (index, (key, value)) in pairs.iter().enumerate() {
        numbers.write(text, index);
        write_terminal(text, key, &numbers.deeper);
        text.pop();
        text.extend_from_slice(b" => ");
        let mut shown = Vec::new();
        write_terminal(&mut shown, value, &numbers.deeper);
        // A value of several numbered lines begins on its own line.
        if value.is_aggregate() && shown[..shown.len() - 1].contains(&b'\n') {
            text.extend_from_slice(format!("\n{}", numbers.deeper).as_bytes());
        }
        text.extend_from_slice(&shown);
    }
}

/// The numbers that are printed before the items of an aggregate.
struct Numbers<'a> {
    width: usize,
    prefix: &'a str,
    sign: char,
    /// The prefix of all lines of an item except the first one.
    deeper: String,
}

impl<'a> Numbers<'a> {
    fn new(count: usize, prefix: &'a str, sign: char) -> Self {
        let width = count.to_string().len();
        Self { width, prefix, sign, deeper: format!("{prefix}{}", " ".repeat(width + 2)) }
    }

    /// Writes the number of an item. The first item stands directly after the number of its parent.
    fn write(&self, text: &mut Vec<u8>, index: usize) {
        let before = if index == 0 { "" } else { self.prefix };
        let (width, sign) = (self.width, self.sign);
        text.extend_from_slice(format!("{before}{:>width$}{sign} ", index + 1).as_bytes());
    }
}

fn line(text: &mut Vec<u8>, content: impl AsRef<[u8]>) {
    text.extend_from_slice(content.as_ref());
    text.push(b'\n');
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

/// Formats a reply for a file. Line ends separate items, and a space separates a key from its value.
fn raw(reply: &Reply) -> Vec<u8> {
    let joined = |items: &[Reply]| items.iter().map(raw).collect::<Vec<_>>().join(b"\n".as_slice());
    match reply {
        Reply::Status(text) | Reply::Double(text) | Reply::BigNumber(text) => {
            text.clone().into_bytes()
        }
        Reply::Error(error) => format!("{error}\n").into_bytes(),
        Reply::Integer(number) => number.to_string().into_bytes(),
        Reply::Boolean(value) => format!("({value})").into_bytes(),
        Reply::Null | Reply::Bulk(None) | Reply::Array(None) => Vec::new(),
        Reply::Bulk(Some(bytes)) | Reply::Verbatim(bytes) => bytes.clone(),
        Reply::Array(Some(items)) | Reply::Set(items) | Reply::Push(items) => joined(items),
        Reply::Map(pairs) => {
            let pair = |(key, value): &(Reply, Reply)| [raw(key), raw(value)].join(&b' ');
            pairs.iter().map(pair).collect::<Vec<_>>().join(&b'\n')
        }
    }
}

//! The table of malformed requests and their replies.

/// The state of a connection after a malformed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionEnd {
    /// The connection stays open.
    Stays,
    /// The image closes the connection.
    Closes,
}

/// A malformed request with its expected effect.
#[derive(Clone, Debug)]
pub(super) struct BadInput {
    /// The fault in the request.
    pub(super) about: &'static str,
    /// The bytes of the request.
    pub(super) bytes: Vec<u8>,
    /// The expected reply. `…` stands for text that depends on the machine.
    pub(super) reply: String,
    /// The expected state of the connection.
    pub(super) end: ConnectionEnd,
}

/// Well-formed requests that the image must refuse, each with its error.
const REFUSED: &[(&str, &str, &str)] = &[
    ("size 0", "VMALLOC 0", "INVAL size 0"),
    ("size 0, zeroed", "VZALLOC 0", "INVAL size 0"),
    (
        "a negative size",
        "VMALLOC -1",
        "INVAL a size is bytes below 2^64, with optional K, M, G or T, not '-1'",
    ),
    (
        "a sign",
        "VMALLOC +1",
        "INVAL a size is bytes below 2^64, with optional K, M, G or T, not '+1'",
    ),
    (
        "text after a size",
        "VMALLOC 4Kx",
        "INVAL a size is bytes below 2^64, with optional K, M, G or T, not '4Kx'",
    ),
    (
        "a size of more than 64 bits",
        "VMALLOC 18446744073709551616",
        "INVAL a size is bytes below 2^64, with optional K, M, G or T, not '18446744073709551616'",
    ),
    (
        "a size that its unit makes too large",
        "VMALLOC 16777216T",
        "INVAL a size is bytes below 2^64, with optional K, M, G or T, not '16777216T'",
    ),
    (
        "a size whose guard overflows",
        "VMALLOC 18446744073709551615",
        "TOOBIG 18446744073709551615 exceeds … of usable memory",
    ),
    ("more than the memory", "VMALLOC 1T", "TOOBIG 1T exceeds … of usable memory"),
    ("an alignment of 0", "VMALLOC 1 ALIGN 0", "INVAL alignment 0 is not a power of two"),
    ("an alignment of 3", "VMALLOC 1 ALIGN 3", "INVAL alignment 3 is not a power of two"),
    ("an invalid alignment", "VMALLOC 1 ALIGN x", "INVAL ALIGN is a number of bytes, not 'x'"),
    ("an option without its value", "VMALLOC 1 ALIGN", "INVAL option ALIGN has no value"),
    ("an unknown option", "VMALLOC 1 FAST", "INVAL unknown option 'FAST'"),
    ("an unknown protection", "VMALLOC 1 PROT w", "INVAL rights are rw, ro, rx or none, not 'w'"),
    (
        "writable and executable",
        "VMALLOC 1 PROT rwx",
        "WXVIOLATION a region is writable or executable, not both",
    ),
    ("REPLACE without a name", "VMALLOC 1 REPLACE", "INVAL REPLACE needs a NAME"),
    (
        "REPLACE before a NAME without a value",
        "VMALLOC 1 REPLACE NAME",
        "INVAL option NAME has no value",
    ),
    ("an id that never was", "VREAD 16777216001 0 1", "NOENT no region 16777216001"),
    ("an id of 0", "VINFO 0", "NOENT no region 0"),
    ("an invalid id", "VINFO x", "INVAL a region is an id or @name, not 'x'"),
    ("a negative id", "VFREE -1", "INVAL a region is an id or @name, not '-1'"),
    ("a name that never was", "VINFO @nobody", "NOENT no region named nobody"),
    (
        "a strict free of a missing region",
        "VFREE STRICT 16777216001",
        "NOENT no region 16777216001",
    ),
    ("too few arguments", "VMALLOC", "ERR wrong number of arguments for 'vmalloc' command"),
    ("far too few arguments", "VREAD", "ERR wrong number of arguments for 'vread' command"),
    (
        "an unknown command",
        "NOSUCH a b",
        "ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' ",
    ),
    (
        "an unknown command alone",
        "nosuch",
        "ERR unknown command 'nosuch', with args beginning with: ",
    ),
    ("RESP4", "HELLO 4", "NOPROTO unsupported protocol version"),
];

/// Bytes that break the protocol, each with the end of its error.
const BROKEN: &[(&str, &[u8], &str)] = &[
    ("a bulk of gigabytes", b"*1\r\n$9999999999\r\n", "invalid bulk length"),
    ("a negative bulk", b"*1\r\n$-5\r\n", "invalid bulk length"),
    ("a null bulk", b"*1\r\n$-1\r\n", "invalid bulk length"),
    ("an invalid bulk length", b"*1\r\n$x\r\n", "invalid bulk length"),
    ("an array of gigabytes", b"*9999999999\r\n", "invalid multibulk length"),
    ("an array of words", b"*x\r\n", "invalid multibulk length"),
    ("an array in an array", b"*1\r\n*1\r\n$4\r\nPING\r\n", "expected '$', got '*'"),
    ("an array without its CR", &[b'*'; 80], "too big mbulk count string"),
    ("an argument without its header", b"*1\r\nPING\r\n", "expected '$', got 'P'"),
    ("an open quote", b"PING \"abc\r\n", "unbalanced quotes in request"),
    ("text after a quote", b"PING \"abc\"d\r\n", "unbalanced quotes in request"),
];

/// Returns all malformed requests.
pub(super) fn all() -> Vec<BadInput> {
    let mut rows: Vec<BadInput> = REFUSED
        .iter()
        .map(|&(about, request, error)| BadInput {
            about,
            bytes: format!("{request}\r\n").into_bytes(),
            reply: format!("-{error}\r\n"),
            end: ConnectionEnd::Stays,
        })
        .collect();
    rows.extend(BROKEN.iter().map(|&(about, bytes, error)| BadInput {
        about,
        bytes: bytes.to_vec(),
        reply: format!("-ERR Protocol error: {error}\r\n"),
        end: ConnectionEnd::Closes,
    }));
    rows.extend(regions());
    rows.extend(streams());
    rows
}

/// Returns the requests that are malformed only if a region exists. The region has a name, because ids differ
/// between runs.
fn regions() -> Vec<BadInput> {
    let row = |about, reply: &str, requests: &[&str]| BadInput {
        about,
        bytes: requests.iter().flat_map(|line| format!("{line}\r\n").into_bytes()).collect(),
        reply: reply.to_owned(),
        end: ConnectionEnd::Stays,
    };
    let made = "*3\r\n:…\r\n$18\r\n0x…\r\n:4096\r\n";
    let range = |offset: &str, length: &str| {
        format!(
            "{made}-RANGE region=… name=bad offset={offset} length={length} requested=100\r\n:1\r\n"
        )
    };
    let make = "VMALLOC 100 NAME bad";
    let free = "VFREE @bad";
    vec![
        row("a read past the end", &range("99", "2"), &[make, "VREAD @bad 99 2", free]),
        row(
            "a read within the page, past the end",
            &range("4000", "1"),
            &[make, "VREAD @bad 4000 1", free],
        ),
        row(
            "a read of everything",
            &range("0", "18446744073709551615"),
            &[make, "VREAD @bad 0 18446744073709551615", free],
        ),
        row(
            "a read whose end overflows",
            &range("18446744073709551615", "2"),
            &[make, "VREAD @bad 18446744073709551615 2", free],
        ),
        row("a write past the end", &range("98", "3"), &[make, "VWRITE @bad 98 abc", free]),
        row(
            "a name that is taken",
            &format!("{made}-EXISTS region=… name=bad\r\n:1\r\n"),
            &[make, make, free],
        ),
        row(
            "a double free",
            &format!("{made}:1\r\n:0\r\n"),
            &[
                make, free, // Gone: a retry is safe.
                free,
            ],
        ),
    ]
}

/// Returns the requests that break the protocol, so that the rest of the connection cannot be parsed.
fn streams() -> Vec<BadInput> {
    let closes = |about, bytes: Vec<u8>, reply: &str| BadInput {
        about,
        bytes,
        reply: reply.to_owned(),
        end: ConnectionEnd::Closes,
    };
    let garbage: Vec<u8> = (0..=255).filter(|byte| *byte != b'\n').cycle().take(70_000).collect();
    let too_long = "-ERR Protocol error: too big inline request\r\n";
    vec![
        closes("an endless line", vec![b'a'; 70_000], too_long),
        closes("binary garbage without a line end", garbage, too_long),
        closes("a line of NULs", vec![0; 70_000], too_long),
        closes(
            "more arguments than can be counted",
            b"*2147483648\r\n$4\r\nPING\r\n".to_vec(),
            "-ERR Protocol error: invalid multibulk length\r\n",
        ),
        BadInput {
            about: "a million arguments",
            bytes: [&b"*1000000\r\n"[..], &b"$1\r\nx\r\n".repeat(1_000_000)].concat(),
            reply: "-ERR unknown command 'x', with args beginning with: 'x' …\r\n".to_owned(),
            end: ConnectionEnd::Stays,
        },
        closes("an HTTP request", b"POST / HTTP/1.1\r\n".to_vec(), ""),
        closes("an HTTP header", b"Host: localhost\r\n".to_vec(), ""),
        BadInput {
            about: "lines without CR, and text after a NUL",
            bytes: b"PING\n\0\nPING\0x\nPING \"\\x00\"\n".to_vec(),
            reply: "+PONG\r\n+PONG\r\n$1\r\n\0\r\n".to_owned(),
            end: ConnectionEnd::Stays,
        },
        BadInput {
            about: "empty requests are skipped",
            bytes: b"*0\r\n*-1\r\n\r\n*0\r\n".to_vec(),
            reply: String::new(),
            end: ConnectionEnd::Stays,
        },
        BadInput {
            about: "a good request before a broken one is answered",
            bytes: b"PING\r\n*1\r\n$-5\r\n".to_vec(),
            reply: "+PONG\r\n-ERR Protocol error: invalid bulk length\r\n".to_owned(),
            end: ConnectionEnd::Closes,
        },
        BadInput {
            about: "a command of binary garbage",
            bytes: b"*1\r\n$4\r\n\x00\xff\r\n\r\n".to_vec(),
            reply: "-ERR unknown command '…', with args beginning with: \r\n".to_owned(),
            end: ConnectionEnd::Stays,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_distinguished_by_their_names() {
        let rows = all();
        for (index, row) in rows.iter().enumerate() {
            assert!(rows[..index].iter().all(|other| other.about != row.about), "{}", row.about);
        }
    }
}

//! A conversation has the same replies, however its bytes are cut into packets.

use crate::harness::{World, multibulk};

fn conversation() -> Vec<u8> {
    let mut bytes = multibulk(&[b"VZALLOC", b"10000", b"NAME", b"buf"]);
    bytes.extend(multibulk(&[b"VWRITE", b"@buf", b"4090", b"\r\n$5\r\n*1\r\n"]));
    bytes.extend_from_slice(b"\r\nPING 'a \\' b'\r\n*0\r\n");
    bytes.extend(multibulk(&[b"VREAD", b"@buf", b"4088", b"16"]));
    bytes.extend_from_slice(b"VFREE @buf\nnonsense \"\\x41\"\r\n");
    bytes.extend(multibulk(&[b"DBSIZE"]));
    bytes
}

/// Returns the replies of a conversation that is sent in pieces with these ends.
fn replies(cuts: &[usize]) -> Vec<u8> {
    let mut world = World::with("clients=2", 1024);
    let mut client = world.connect();
    let bytes = conversation();
    let mut from = 0;
    let mut received = Vec::new();
    for &cut in cuts.iter().chain([&bytes.len()]) {
        world.send(&mut client, &bytes[from..cut]);
        received.extend(world.raw(&mut client));
        from = cut;
    }
    received
}

#[test]
fn a_cut_at_every_byte() {
    let whole = replies(&[]);
    let text = String::from_utf8_lossy(&whole).into_owned();
    let expected = "*3\r\n:1\r\n$18\r\n0xffffc90000000000\r\n:12288\r\n:10\r\n$5\r\na ' b\r\n\
        $16\r\n\0\0\r\n$5\r\n*1\r\n\0\0\0\0\r\n:1\r\n\
        -ERR unknown command 'nonsense', with args beginning with: 'A' \r\n:0\r\n";
    assert_eq!(text, expected);
    for cut in 1..conversation().len() {
        assert_eq!(replies(&[cut]), whole, "cut at {cut}");
    }
}

#[test]
fn every_byte_alone() {
    let cuts: Vec<usize> = (1..conversation().len()).collect();
    assert_eq!(replies(&cuts), replies(&[]));
}

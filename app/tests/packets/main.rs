//! Tests that send arbitrary frames to a whole server. The server must serve a well-behaved client all the time.
//!
//! The fuzz target `packets` runs the same scripts on arbitrary bytes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod arena;
mod check;
mod client;
mod frame;
mod lab;
#[path = "../loopback/harness/machine.rs"]
mod machine;
mod port;
mod script;

use client::Client;
use frame::Tcp;
use lab::{Lab, Shape};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any, prop_oneof, proptest};

/// Generates the bytes of one step of a script: its type and its parameters.
fn step() -> impl Strategy<Value = Vec<u8>> {
    let any_step = (any::<u8>(), vec(any::<u8>(), 0..24));
    let of_connection =
        (5..10_u8, 0..4_u8, vec(any::<u8>(), 6..16)).prop_map(|(kind, key, more)| {
            // Only few connections are used, so that several steps use the same connection.
            (kind, [vec![key * 5], more].concat())
        });
    prop_oneof![any_step, of_connection].prop_map(|(kind, more)| [vec![kind], more].concat())
}

/// Each case has its own server. Seeds are not kept, because a finding becomes a separate test.
fn config() -> ProptestConfig {
    ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_client_is_served_beside_any_frames(mode in any::<u8>(), steps in vec(step(), 0..40)) {
        script::run(&[vec![mode], steps.concat()].concat());
    }
}

/// Opens a connection. An attacker acknowledges a wrong number during its handshake.
fn forge_in_handshake(ahead: u32) {
    let shape = Shape { asks: false, cuts: false, vouches: false, is_narrow: false };
    let mut lab = Lab::new(shape, "secret");
    let mut client = Client::new(40_000, 7379, 77);
    client.say("AUTH secret\r\nPING\r\n");
    lab.announce();
    lab.send(&client.segment());
    lab.settle();
    let numbers = *lab.numbers.values().next().expect("a SYN-ACK");
    let forged = Tcp {
        sequence: numbers.sequence,
        acknowledged: numbers.acknowledged.wrapping_add(ahead),
        flags: frame::ACK,
        options: Vec::new(),
        ..client.segment()
    };
    lab.send(&forged);
    let greeting = Tcp {
        source: 7379,
        target: 40_000,
        sequence: numbers.acknowledged.wrapping_sub(1),
        acknowledged: numbers.sequence,
        flags: frame::SYN | frame::ACK,
        ..forged
    };
    let answer = client.hear(&greeting).expect("the end of the handshake");
    lab.send(&answer);
    lab.clients.push(client);
    assert_eq!(lab.wait(0, "+PONG\r\n"), "+OK\r\n+PONG\r\n", "{ahead:#x}");
    lab.clients[0].say("PING\r\n");
    assert_eq!(lab.wait(0, "\r\n"), "+PONG\r\n", "{ahead:#x}");
}

/// An attacker that knows the ends of a handshake, but not its numbers, cannot disturb it.
#[test]
fn a_forged_acknowledgement_does_not_spoil_a_handshake() {
    for ahead in [1, 1000, 60_000, 0x7fff_0000, 0x8000_0000, 0xffff_0000] {
        forge_in_handshake(ahead);
    }
}

/// SYNs of many ports, after which handshakes are answered with cookies.
const CROWD: [u8; 12] = [5, 0, 255, 0, 0, 0, 9, 0, 0, 200, 0, 0];

/// Handshakes of an attacker at both ports, a request for a report, and its acknowledgements.
const REPORT: [&[u8]; 4] =
    [&[5, 16, 0, 0, 0, 0, 7, 0, 0], &[7, 16, 0, 0, 0], &[7, 16, 1, 1, 0], &[7, 16, 0, 0, 0]];

/// A router reports that a packet in flight is too large, and a fifth of a second passes.
const TOO_LARGE: [u8; 9] = [10, 0, 2, 16, 0, 0, 0, 1, 0];

#[test]
fn strangers_with_cookies_are_greeted_and_clients_served() {
    let crowd = [&CROWD[..], &[5, 16, 255, 0, 0, 0, 9, 0, 0, 200, 0]].concat();
    for mode in [0, 4, 16] {
        script::run(&[&[mode], &crowd[..], &REPORT.concat()].concat());
    }
}

#[test]
fn a_report_is_cut_for_a_narrow_way() {
    for mode in [0, 4] {
        let acknowledge = [&[13, 3][..], &[7, 16, 0, 0, 0]].concat().repeat(20);
        let report = REPORT[..3].concat();
        script::run(&[&[mode], &report[..], &TOO_LARGE, &acknowledge].concat());
    }
}

#[test]
fn in_silence_a_client_is_served() {
    (0..32).for_each(|mode| script::run(&[mode]));
}

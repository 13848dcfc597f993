//! A new address is announced on the link.

use std::cell::RefCell;
use std::rc::Rc;

use app::buffers::HeapBuffers;
use app::net::{Abilities, Arrival, Nic, Stack};
use runtime_config::cmdline::Config;
use smoltcp::phy::{self, Medium};
use smoltcp::time::Instant;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
};

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

type Frames = Rc<RefCell<Vec<Vec<u8>>>>;

/// An Ethernet device that records every frame and receives no frame.
#[derive(Debug, Default)]
struct Recorder {
    frames: Frames,
    is_full: Rc<RefCell<bool>>,
}

struct Room(Frames);

impl phy::TxToken for Room {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let mut frame = vec![0; length];
        let result = write(&mut frame);
        self.0.borrow_mut().push(frame);
        result
    }
}

impl Nic for Recorder {
    type Slot<'a> = Room;

    fn mac(&self) -> [u8; 6] {
        MAC
    }

    fn abilities(&self) -> Abilities {
        Abilities { medium: Medium::Ethernet, mtu: 1500, cuts: None }
    }

    fn receive(&mut self) -> Option<Arrival<'_, Room>> {
        None
    }

    fn transmit(&mut self) -> Option<Room> {
        (!self.is_full()).then(|| Room(Rc::clone(&self.frames)))
    }

    fn kick(&mut self) {}

    fn pending(&self) -> bool {
        false
    }

    fn is_full(&self) -> bool {
        *self.is_full.borrow()
    }
}

/// Returns the announced addresses with their seconds, for a stack that sleeps like the image.
fn announced(line: &str, full_until_s: i64) -> Vec<(i64, String)> {
    let recorder = Recorder::default();
    let (frames, is_full) = (Rc::clone(&recorder.frames), Rc::clone(&recorder.is_full));
    let config = Config::parse(line).unwrap();
    let mut stack = Stack::try_new(recorder, &HeapBuffers, &config, 0, 0x5eed).unwrap();
    let mut found = Vec::new();
    let mut now = Instant::ZERO;
    while now.secs() < 20 {
        *is_full.borrow_mut() = now.secs() < full_until_s;
        stack.transmit(now);
        for frame in frames.borrow_mut().drain(..) {
            found.extend(announcement(&frame).map(|address| (now.secs(), address)));
        }
        let end = Instant::from_secs(20);
        now = stack
            .wake_at(now)
            .unwrap_or(end)
            .clamp(now + smoltcp::time::Duration::from_millis(1), end);
    }
    found
}

fn announcement(bytes: &[u8]) -> Option<String> {
    let frame = EthernetFrame::new_checked(bytes).unwrap();
    if frame.ethertype() != EthernetProtocol::Arp {
        return None;
    }
    assert_eq!(frame.dst_addr(), EthernetAddress::BROADCAST);
    assert_eq!(frame.src_addr(), EthernetAddress(MAC));
    let packet = ArpPacket::new_checked(frame.payload()).unwrap();
    let ArpRepr::EthernetIpv4 {
        operation,
        source_hardware_addr,
        source_protocol_addr,
        target_protocol_addr,
        ..
    } = ArpRepr::parse(&packet).unwrap()
    else {
        panic!("not for IPv4")
    };
    assert_eq!(operation, ArpOperation::Request);
    assert_eq!(source_hardware_addr, EthernetAddress(MAC));
    assert_eq!(source_protocol_addr, target_protocol_addr);
    Some(source_protocol_addr.to_string())
}

#[test]
fn a_static_address_is_announced_twice_at_once() {
    let expected = [0, 2].map(|second| (second, "10.0.2.99".to_owned()));
    assert_eq!(announced("ip=10.0.2.99/24,10.0.2.2", 0), expected);
}

#[test]
fn an_address_that_comes_later_is_announced_when_it_comes() {
    // No server answers DHCP, so the fallback is set after three seconds.
    let expected = [3, 5].map(|second| (second, "10.0.2.15".to_owned()));
    assert_eq!(announced("", 0), expected);
}

#[test]
fn a_device_that_is_full_gets_the_announcement_later() {
    let expected = [1, 3].map(|second| (second, "10.0.2.99".to_owned()));
    assert_eq!(announced("ip=10.0.2.99/24", 1), expected);
}

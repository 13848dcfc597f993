//! Sends and receives whole frames on a device, without the network stack of the kernel.

use std::io;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use super::namespace::Namespace;
use super::packet::{self, Heard, Mac};
use crate::sys;

/// Maximum length of a received frame. The kernel passes a packet as one piece even if the device will
/// segment it.
const FRAME_BYTES_MAX: usize = 70_000;
/// The Ethernet address that QEMU gives its first network device.
pub(super) const GUEST_MAC: Mac = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];

/// A socket for the frames of a device.
#[derive(Debug)]
pub(super) struct Frames {
    socket: UdpSocket,
}

impl Frames {
    /// Opens a socket.
    pub(super) fn open(namespace: &Namespace, device: &str) -> io::Result<Self> {
        Ok(Self { socket: namespace.within(|| sys::packet_socket(device))? })
    }

    /// Sends a frame. If the queue of the device is full, the frame is lost, as on a real link.
    pub(super) fn send(&self, frame: &[u8]) -> io::Result<()> {
        match self.socket.send(frame) {
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Ok(()),
            outcome => outcome.map(|_| ()),
        }
    }

    /// Waits for the next frame from the server. Returns `None` after the deadline.
    pub(super) fn receive(&self, deadline: Instant) -> io::Result<Option<Vec<u8>>> {
        let mut buffer = vec![0; FRAME_BYTES_MAX];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.socket.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
            let length = match self.socket.recv(&mut buffer) {
                Ok(length) => length,
                Err(error) if is_late(&error) => return Ok(None),
                Err(error) => return Err(error),
            };
            let frame = buffer.get(..length).unwrap_or_default();
            if packet::stations(frame).is_some_and(|(from, _)| from == GUEST_MAC) {
                return Ok(Some(frame.to_vec()));
            }
        }
    }

    /// Waits for the next frame from the server, and parses it.
    pub(super) fn hear(&self, deadline: Instant) -> io::Result<Option<Heard>> {
        Ok(self.receive(deadline)?.map(|frame| packet::read(&frame)))
    }
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

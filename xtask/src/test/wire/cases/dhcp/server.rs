//! A DHCP server that answers by a script (RFC 2131).

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::test::wire::frames::Frames;
use crate::test::wire::namespace::Namespace;
use crate::test::wire::packet::{BROADCAST, Ends, Heard};
use crate::test::wire::topology::{DEVICE, GUEST, HOST, HOST_MAC};

const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
/// Number of bytes before the options of a message: the fields of BOOTP and the cookie.
const FIELDS_BYTES: usize = 240;
const COOKIE: [u8; 4] = [99, 130, 83, 99];

/// The message types that the cases use.
pub(super) const DISCOVER: u8 = 1;
pub(super) const REQUEST: u8 = 3;
const OFFER: u8 = 2;
const ACK: u8 = 5;
const NAK: u8 = 6;

/// The lease that the server offers or acknowledges in an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    pub(super) address: Ipv4Addr,
    pub(super) mask: Option<Ipv4Addr>,
    pub(super) router: Option<Ipv4Addr>,
    /// The duration of the lease, T1 and T2, in seconds.
    pub(super) seconds: u32,
    pub(super) renewal: Option<(u32, u32)>,
    /// Whether the server refuses the request with a NAK.
    pub(super) is_nak: bool,
}

impl Lease {
    /// The default lease, which is renewed after five seconds.
    pub(super) const USUAL: Self = Self {
        address: GUEST,
        mask: Some(Ipv4Addr::new(255, 255, 255, 0)),
        router: Some(Ipv4Addr::new(10, 0, 2, 3)),
        seconds: 20,
        renewal: Some((5, 15)),
        is_nak: false,
    };
}

/// A function that chooses the answer to a message of the type `kind`. `count` is the number of messages of
/// that type that have arrived, including this one.
pub(super) type Script = fn(kind: u8, count: usize) -> Option<Lease>;

/// The DHCP server on a thread of its own. It ends when this value is dropped.
#[derive(Debug)]
pub(super) struct DhcpServer {
    is_over: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl DhcpServer {
    /// Starts the server on the existing device of `namespace`.
    pub(super) fn start(namespace: &Namespace, script: Script) -> anyhow::Result<Self> {
        let frames = Frames::open(namespace, DEVICE)?;
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (until, log) = (Arc::clone(&is_over), Arc::clone(&seen));
        let thread = std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                let soon = Instant::now() + Duration::from_millis(100);
                let Ok(Some(heard)) = frames.hear(soon) else { continue };
                if let Heard::Udp { header, data, .. } = heard
                    && header.destination_port == SERVER_PORT
                    && let Some(kind) = kind_of(&data)
                {
                    let count = {
                        let mut seen = log.lock().unwrap_or_else(PoisonError::into_inner);
                        seen.push(kind);
                        seen.iter().filter(|&&other| other == kind).count()
                    };
                    let lease = script(kind, count);
                    let answer = lease.and_then(|lease| answer(&data, kind, lease));
                    let _ = answer.map(|answer| frames.send(&answer));
                }
            }
        });
        Ok(Self { is_over, seen, thread: Some(thread) })
    }

    /// Returns the types of the messages that have arrived, in order.
    pub(super) fn seen(&self) -> Vec<u8> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for DhcpServer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Returns the type of a client's message, which is in option 53.
fn kind_of(message: &[u8]) -> Option<u8> {
    let mut rest = message.get(FIELDS_BYTES..)?;
    while let [code, tail @ ..] = rest {
        if *code == 0 {
            rest = tail;
            continue;
        }
        let (&length, tail) = tail.split_first()?;
        let (value, next) = tail.split_at_checked(length.into())?;
        if *code == 53 {
            return value.first().copied();
        }
        rest = next;
    }
    None
}

/// Returns the frame with the answer.
fn answer(asked: &[u8], kind: u8, lease: Lease) -> Option<Vec<u8>> {
    let kind = match kind {
        _ if lease.is_nak => NAK,
        DISCOVER => OFFER,
        REQUEST => ACK,
        _ => return None,
    };
    let mut message = vec![0; FIELDS_BYTES];
    // The answer is a BOOTP reply over Ethernet, with the transaction id and the hardware address of the
    // request.
    message[..4].copy_from_slice(&[2, 1, 6, 0]);
    message[4..8].copy_from_slice(asked.get(4..8)?);
    message[28..44].copy_from_slice(asked.get(28..44)?);
    if kind != NAK {
        message[16..20].copy_from_slice(&lease.address.octets());
        message[20..24].copy_from_slice(&HOST.octets());
    }
    message[236..240].copy_from_slice(&COOKIE);
    let mut option = |code: u8, value: &[u8]| {
        message.extend([code, u8::try_from(value.len()).unwrap_or_default()]);
        message.extend(value);
    };
    option(53, &[kind]);
    option(54, &HOST.octets());
    if kind != NAK {
        option(51, &lease.seconds.to_be_bytes());
        if let Some((renewal, rebinding)) = lease.renewal {
            option(58, &renewal.to_be_bytes());
            option(59, &rebinding.to_be_bytes());
        }
        if let Some(mask) = lease.mask {
            option(1, &mask.octets());
        }
        if let Some(router) = lease.router {
            option(3, &router.octets());
        }
    }
    message.push(255);
    let ends = Ends { from_mac: HOST_MAC, to_mac: BROADCAST, from: HOST, to: Ipv4Addr::BROADCAST };
    ends.udp(SERVER_PORT, CLIENT_PORT, &message).ok()
}

//! The client list has one entry per place. `CLIENT LIST` shows the entries, and `CLIENT KILL`
//! marks connections to be closed.

use alloc::vec::Vec;
use core::net::SocketAddrV4;

use arrayvec::ArrayVec;
use runtime_config::limits::{CLIENT_LIBRARY_BYTES_MAX, CLIENT_NAME_BYTES_MAX};

/// The entry of a connection.
#[derive(Clone, Debug)]
pub(super) struct ClientEntry {
    /// The number of the connection; 0 if the place is free.
    pub(super) number: u64,
    /// The address of the client.
    pub(super) peer: SocketAddrV4,
    /// The address of the server.
    pub(super) local: SocketAddrV4,
    pub(super) name: ArrayVec<u8, CLIENT_NAME_BYTES_MAX>,
    pub(super) library: ArrayVec<u8, CLIENT_LIBRARY_BYTES_MAX>,
    pub(super) library_version: ArrayVec<u8, CLIENT_LIBRARY_BYTES_MAX>,
    pub(super) since_us: u64,
    pub(super) seen_us: u64,
    /// The name of the last command that the client sent.
    pub(super) command: &'static str,
    pub(super) is_resp3: bool,
    /// Whether the client has sent `CLIENT NO-EVICT ON`. The flag is only shown: clients are never
    /// evicted.
    pub(super) is_kept: bool,
    /// Whether `CLIENT KILL` has marked the connection, so that the server closes it.
    pub(super) is_killed: bool,
    pub(super) buffers: ClientBuffers,
    /// The maximum number of unsent reply bytes at the end of any turn of the connection.
    pub(super) output_peak: usize,
    /// The number of queued requests, if the client is in a transaction.
    pub(super) queued: Option<usize>,
    /// Length of the arguments of the current request in bytes. It is recorded only for requests
    /// that list clients.
    pub(super) arguments: usize,
}

/// Sizes and fills of the buffers of a connection at the end of its last turn, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientBuffers {
    /// Received bytes that are not served.
    pub input: usize,
    /// Further bytes that the input can hold.
    pub input_room: usize,
    /// Size of the reply buffer.
    pub output_size: usize,
    /// Unsent bytes in the reply buffer.
    pub output: usize,
    /// Size of the larger buffer for one large reply.
    pub spilled: usize,
    /// Size of the buffer for the queued requests of a transaction.
    pub queue_size: usize,
}

impl ClientEntry {
    const NOWHERE: SocketAddrV4 = SocketAddrV4::new(core::net::Ipv4Addr::UNSPECIFIED, 0);

    const EMPTY: Self = Self {
        number: 0,
        peer: Self::NOWHERE,
        local: Self::NOWHERE,
        name: ArrayVec::new_const(),
        library: ArrayVec::new_const(),
        library_version: ArrayVec::new_const(),
        since_us: 0,
        seen_us: 0,
        command: "",
        is_resp3: false,
        is_kept: false,
        is_killed: false,
        buffers: ClientBuffers {
            input: 0,
            input_room: 0,
            output_size: 0,
            output: 0,
            spilled: 0,
            queue_size: 0,
        },
        output_peak: 0,
        queued: None,
        arguments: 0,
    };
}

/// The client list: the entries of all places.
#[derive(Debug)]
pub(super) struct ClientList(Vec<ClientEntry>);

impl ClientList {
    /// Allocates `count` places.
    pub(super) fn with_places(count: usize) -> Self {
        Self(alloc::vec![ClientEntry::EMPTY; count])
    }

    /// Fills the entry of `place` for a new connection.
    pub(super) fn come(
        &mut self,
        place: u32,
        number: u64,
        [peer, local]: [SocketAddrV4; 2],
        now_us: u64,
    ) {
        if let Some(entry) = self.0.get_mut(place as usize) {
            *entry = ClientEntry {
                number,
                peer,
                local,
                since_us: now_us,
                seen_us: now_us,
                ..ClientEntry::EMPTY
            };
        }
    }

    /// Clears the entry of `place`, because its connection has ended.
    pub(super) fn leave(&mut self, place: u32) {
        if let Some(entry) = self.0.get_mut(place as usize) {
            *entry = ClientEntry::EMPTY;
        }
    }

    /// Returns the entry of `place`, or `None` if the list has no such place.
    pub(super) fn at(&mut self, place: u32) -> Option<&mut ClientEntry> {
        self.0.get_mut(place as usize)
    }

    /// Returns whether the connection in `place` is to be closed.
    pub(super) fn is_killed(&self, place: u32) -> bool {
        self.0.get(place as usize).is_some_and(|entry| entry.is_killed)
    }

    /// Returns the entries of all connections that are not killed, each with its place.
    pub(super) fn entries(&self) -> impl Iterator<Item = (usize, &ClientEntry)> + Clone {
        self.0.iter().enumerate().filter(|(_, entry)| entry.number != 0 && !entry.is_killed)
    }

    /// Returns the entries of all connections that are not killed, mutably.
    pub(super) fn entries_mut(&mut self) -> impl Iterator<Item = &mut ClientEntry> {
        self.0.iter_mut().filter(|entry| entry.number != 0 && !entry.is_killed)
    }
}

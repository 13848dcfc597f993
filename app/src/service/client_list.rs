//! The client list: an entry for each place, which `CLIENT LIST` shows and `CLIENT KILL` marks.

use alloc::vec::Vec;
use core::net::SocketAddrV4;

use arrayvec::ArrayVec;
use runtime_config::limits::{CLIENT_LIBRARY_BYTES_MAX, CLIENT_NAME_BYTES_MAX};

/// The entry of a connection.
#[derive(Clone, Debug)]
pub(super) struct ClientEntry {
    /// 0 where there is none.
    pub(super) number: u64,
    /// The client's end of the connection.
    pub(super) peer: SocketAddrV4,
    /// The server's end.
    pub(super) local: SocketAddrV4,
    pub(super) name: ArrayVec<u8, CLIENT_NAME_BYTES_MAX>,
    pub(super) library: ArrayVec<u8, CLIENT_LIBRARY_BYTES_MAX>,
    pub(super) library_version: ArrayVec<u8, CLIENT_LIBRARY_BYTES_MAX>,
    pub(super) since_us: u64,
    pub(super) seen_us: u64,
    /// Its last command.
    pub(super) command: &'static str,
    pub(super) is_resp3: bool,
    /// It asked never to be evicted.
    pub(super) is_kept: bool,
    /// Its connection is to be closed.
    pub(super) is_killed: bool,
    pub(super) buffers: ClientBuffers,
    /// The most bytes that were in its buffer of replies at the end of a turn.
    pub(super) output_peak: usize,
    /// Requests that are queued for its transaction, where it is in one.
    pub(super) queued: Option<usize>,
    /// Bytes of the arguments of the request that is served now, where it asks for them.
    pub(super) arguments: usize,
}

/// Bytes in the buffers of a connection, at the end of its last turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientBuffers {
    /// Bytes that have come and are not served.
    pub input: usize,
    /// Bytes that can still come.
    pub input_room: usize,
    /// Size of the buffer of replies.
    pub output_size: usize,
    /// Bytes in it that are not sent.
    pub output: usize,
    /// Size of a buffer taken for one large reply.
    pub spilled: usize,
    /// Size of the buffer of requests that are queued for a transaction.
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

/// An entry for each place.
#[derive(Debug)]
pub(super) struct ClientList(Vec<ClientEntry>);

impl ClientList {
    /// Makes room for `count` connections.
    pub(super) fn with_places(count: usize) -> Self {
        Self(alloc::vec![ClientEntry::EMPTY; count])
    }

    /// Enters a connection that has come to a place.
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

    /// Removes the entry of a connection that has ended.
    pub(super) fn leave(&mut self, place: u32) {
        if let Some(entry) = self.0.get_mut(place as usize) {
            *entry = ClientEntry::EMPTY;
        }
    }

    /// The entry of a place.
    pub(super) fn at(&mut self, place: u32) -> Option<&mut ClientEntry> {
        self.0.get_mut(place as usize)
    }

    /// Whether the connection in a place is to be closed.
    pub(super) fn is_killed(&self, place: u32) -> bool {
        self.0.get(place as usize).is_some_and(|entry| entry.is_killed)
    }

    /// All that are connected and not killed, each with its place.
    pub(super) fn entries(&self) -> impl Iterator<Item = (usize, &ClientEntry)> + Clone {
        self.0.iter().enumerate().filter(|(_, entry)| entry.number != 0 && !entry.is_killed)
    }

    /// All that are connected, to be changed.
    pub(super) fn entries_mut(&mut self) -> impl Iterator<Item = &mut ClientEntry> {
        self.0.iter_mut().filter(|entry| entry.number != 0 && !entry.is_killed)
    }
}

//! Who is connected: a note for each place, for those who ask about others.

use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddrV4;

use arrayvec::ArrayVec;

use super::session::CLIENT_NAME_BYTES_MAX;

/// What is noted of a connection.
#[derive(Clone, Debug)]
pub(super) struct Guest {
    /// 0 where there is none.
    pub(super) number: u64,
    pub(super) peer: SocketAddrV4,
    pub(super) name: ArrayVec<u8, CLIENT_NAME_BYTES_MAX>,
    pub(super) came_us: u64,
    pub(super) seen_us: u64,
    /// Its last command.
    pub(super) command: &'static str,
    pub(super) is_resp3: bool,
    /// Its connection is to be closed.
    pub(super) is_killed: bool,
}

impl Guest {
    const NOBODY: Self = Self {
        number: 0,
        peer: SocketAddrV4::new(core::net::Ipv4Addr::UNSPECIFIED, 0),
        name: ArrayVec::new_const(),
        came_us: 0,
        seen_us: 0,
        command: "",
        is_resp3: false,
        is_killed: false,
    };
}

/// A note for each place.
#[derive(Debug)]
pub(super) struct Roster(Vec<Guest>);

impl Roster {
    /// Makes room for so many.
    pub(super) fn with_places(count: usize) -> Self {
        Self(alloc::vec![Guest::NOBODY; count])
    }

    /// Notes who has come to a place.
    pub(super) fn come(&mut self, place: u32, number: u64, peer: SocketAddrV4, now_us: u64) {
        if let Some(guest) = self.0.get_mut(place as usize) {
            *guest = Guest { number, peer, came_us: now_us, seen_us: now_us, ..Guest::NOBODY };
        }
    }

    /// Forgets who has left.
    pub(super) fn leave(&mut self, place: u32) {
        if let Some(guest) = self.0.get_mut(place as usize) {
            *guest = Guest::NOBODY;
        }
    }

    /// The note on a place.
    pub(super) fn at(&mut self, place: u32) -> Option<&mut Guest> {
        self.0.get_mut(place as usize)
    }

    /// Whether the connection in a place is to be closed.
    pub(super) fn is_killed(&self, place: u32) -> bool {
        self.0.get(place as usize).is_some_and(|guest| guest.is_killed)
    }

    /// All that are connected.
    pub(super) fn guests(&self) -> impl Iterator<Item = &Guest> {
        self.0.iter().filter(|guest| guest.number != 0)
    }

    /// The same, to be changed.
    pub(super) fn guests_mut(&mut self) -> impl Iterator<Item = &mut Guest> {
        self.0.iter_mut().filter(|guest| guest.number != 0)
    }
}

/// A guest as Redis lists it.
pub(super) struct Line<'a> {
    pub(super) guest: &'a Guest,
    pub(super) now_us: u64,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Guest { number, peer, came_us, seen_us, command, is_resp3, .. } = self.guest;
        let name = core::str::from_utf8(&self.guest.name).unwrap_or_default();
        let [age, idle] = [came_us, seen_us].map(|us| self.now_us.saturating_sub(*us) / 1_000_000);
        let resp = if *is_resp3 { 3 } else { 2 };
        write!(f, "id={number} addr={peer} name={name} age={age} idle={idle} flags=N db=0 cmd=")?;
        command
            .bytes()
            .try_for_each(|byte| write!(f, "{}", char::from(byte.to_ascii_lowercase())))?;
        write!(f, " user=default resp={resp}")
    }
}

//! Clients that are served behind the others of a turn.

use alloc::vec::Vec;

/// Why a client is served later, in the order in which the classes are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// It has not said the password.
    Stranger,
    /// It has more requests than its share of a turn, or does not read its replies.
    Backlog,
    /// Both.
    StrangerBacklog,
}

impl Class {
    /// Every class, in the order in which they are served.
    pub(super) const ALL: [Self; 3] = [Self::Stranger, Self::Backlog, Self::StrangerBacklog];

    /// The class of a client, where it is not served at once.
    pub(super) fn of(is_admitted: bool, has_backlog: bool) -> Option<Self> {
        match (is_admitted, has_backlog) {
            (true, false) => None,
            (true, true) => Some(Self::Backlog),
            (false, false) => Some(Self::Stranger),
            (false, true) => Some(Self::StrangerBacklog),
        }
    }

    /// Requests that each of so many clients may have served in a turn.
    pub(super) fn share(self, clients: usize) -> usize {
        let (all, least) = match self {
            Self::Stranger => (0, 8),
            Self::Backlog => (1024, 64),
            Self::StrangerBacklog => (256, 32),
        };
        least.max(all / clients)
    }

    /// Clients that are served in a turn however late it is: a client that comes and says the password is among the
    /// strangers.
    pub(super) fn clients_min(self) -> usize {
        match self {
            Self::Stranger => 16,
            Self::Backlog | Self::StrangerBacklog => 1,
        }
    }
}

/// The places of such clients in one turn, by class. Each class goes on where it ended in the turn before.
#[derive(Debug)]
pub(super) struct Later {
    queues: [Queue; Class::ALL.len()],
}

#[derive(Debug)]
struct Queue {
    /// In cyclic order, without a fixed beginning.
    places: Vec<usize>,
    /// The place that is served first.
    next: usize,
}

impl Later {
    /// Takes the memory for so many clients.
    pub(super) fn with_capacity(clients: usize) -> Self {
        let queue = |_| Queue { places: Vec::with_capacity(clients), next: 0 };
        Self { queues: Class::ALL.map(queue) }
    }

    /// Adds a client. The places of a turn are added in cyclic order.
    pub(super) fn push(&mut self, class: Class, place: usize) {
        self.queues[class as usize].places.push(place);
    }

    /// The number of clients in a class.
    pub(super) fn count(&self, class: Class) -> usize {
        self.queues[class as usize].places.len()
    }

    /// Brings the client to the front that is behind the last one served.
    pub(super) fn begin(&mut self, class: Class) {
        let Queue { places, next } = &mut self.queues[class as usize];
        let first = (0..places.len()).min_by_key(|index| (places[*index] < *next, places[*index]));
        places.rotate_left(first.unwrap_or(0));
    }

    /// The place of the client at this index.
    pub(super) fn place(&self, class: Class, index: usize) -> usize {
        self.queues[class as usize].places[index]
    }

    /// Forgets the clients of the turn. The next turn begins behind the one at `last`.
    pub(super) fn end(&mut self, class: Class, last: usize) {
        let queue = &mut self.queues[class as usize];
        queue.next = queue.places.get(last).map_or(0, |place| place + 1);
        queue.places.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_turn_goes_on_behind_the_last_one() {
        let mut later = Later::with_capacity(5);
        let class = Class::Backlog;
        let mut served = Vec::new();
        for first in [0, 3, 1, 4, 2, 0] {
            (first..5).chain(0..first).for_each(|place| later.push(class, place));
            later.begin(class);
            served.extend([later.place(class, 0), later.place(class, 1)]);
            later.end(class, 1);
            assert_eq!(later.count(class), 0);
        }
        assert_eq!(served, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]);
    }

    #[test]
    fn a_client_that_has_gone_is_stepped_over() {
        let mut later = Later::with_capacity(4);
        let class = Class::Stranger;
        [0, 1, 2, 3].into_iter().for_each(|place| later.push(class, place));
        later.begin(class);
        later.end(class, 1);
        [3, 0, 1].into_iter().for_each(|place| later.push(class, place));
        later.begin(class);
        assert_eq!([0, 1, 2].map(|index| later.place(class, index)), [3, 0, 1]);
    }
}

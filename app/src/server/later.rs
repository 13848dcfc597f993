//! Lists of the clients that are served after the other clients of a turn.

use alloc::vec::Vec;

/// The reason for serving a client later. The classes are served in the order of the variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// The client is not authenticated.
    Stranger,
    /// The client has more requests than its share of a turn, or does not read its replies.
    Backlog,
    /// Both reasons apply.
    StrangerBacklog,
}

impl Class {
    /// All classes, in the order in which they are served.
    const ALL: [Self; 3] = [Self::Stranger, Self::Backlog, Self::StrangerBacklog];

    /// Returns the maximum number of requests that each of `clients` clients of this class may have
    /// served in one turn.
    fn share(self, clients: usize) -> usize {
        let (all, least) = match self {
            Self::Stranger => (0, 8),
            Self::Backlog => (1024, 64),
            Self::StrangerBacklog => (256, 32),
        };
        least.max(all / clients)
    }

    /// Returns how many clients of the class are served in a turn that is already late. The number
    /// is higher for strangers, because every new client is one until it has sent the password.
    fn clients_min(self) -> usize {
        match self {
            Self::Stranger => 16,
            Self::Backlog | Self::StrangerBacklog => 1,
        }
    }
}

/// The clients of one turn that are served later, by class. Each class starts at the client where
/// it ended in the turn before.
#[derive(Debug)]
pub(super) struct Later {
    queues: [ClassQueue; Class::ALL.len()],
    /// The index of the class that is being served, and the number of its clients served so far.
    class: usize,
    served: usize,
}

#[derive(Debug)]
struct ClassQueue {
    /// Places in cyclic order, starting at an arbitrary place.
    places: Vec<usize>,
    /// The lowest place that may be served first; smaller places follow after the largest place.
    first: usize,
}

impl ClassQueue {
    /// Rotates `places` so that the place to be served first is at the front.
    fn begin(&mut self) {
        let Self { places, first } = self;
        let front = (0..places.len()).min_by_key(|at| (places[*at] < *first, places[*at]));
        places.rotate_left(front.unwrap_or(0));
    }

    /// Removes all places of this turn, of which the first `served` were served. The next turn
    /// begins after the last served place. If all places were served, it begins one place later
    /// than this turn.
    fn end(&mut self, served: usize) {
        let last = if served < self.places.len() { served.saturating_sub(1) } else { 0 };
        self.first = self.places.get(last).map_or(0, |place| place + 1);
        self.places.clear();
    }
}

impl Later {
    /// Allocates lists for up to `clients` clients.
    pub(super) fn with_capacity(clients: usize) -> Self {
        let queue = |_| ClassQueue { places: Vec::with_capacity(clients), first: 0 };
        Self { queues: Class::ALL.map(queue), class: 0, served: 0 }
    }

    /// Adds a client. The places of a turn must be added in cyclic order.
    pub(super) fn push(&mut self, class: Class, place: usize) {
        self.queues[class as usize].places.push(place);
    }

    /// Returns the place of the next client to serve, and the maximum number of its requests.
    /// Returns `None` at the end of the turn, after all lists were cleared. If `is_late`, only
    /// [`clients_min`](Class::clients_min) clients of each class are served.
    #[cold]
    pub(super) fn next(&mut self, is_late: bool) -> Option<(usize, usize)> {
        while let Some(class) = Class::ALL.get(self.class) {
            let queue = &mut self.queues[self.class];
            if self.served == 0 {
                queue.begin();
            }
            let limit = if is_late { class.clients_min() } else { usize::MAX };
            let place = queue.places.get(self.served).filter(|_| self.served < limit);
            if let Some(&place) = place {
                self.served += 1;
                return Some((place, class.share(queue.places.len())));
            }
            queue.end(self.served);
            (self.class, self.served) = (self.class + 1, 0);
        }
        self.class = 0;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the places that are served in a turn that is late from its start.
    fn late(later: &mut Later) -> Vec<usize> {
        core::iter::from_fn(|| later.next(true)).map(|(place, _)| place).collect()
    }

    #[test]
    fn each_turn_goes_on_behind_the_last_one() {
        let mut later = Later::with_capacity(5);
        let mut served = Vec::new();
        for first in [0, 3, 1, 4, 2, 0] {
            (first..5).chain(0..first).for_each(|place| later.push(Class::Backlog, place));
            served.extend(late(&mut later));
        }
        assert_eq!(served, [0, 1, 2, 3, 4, 0]);
    }

    #[test]
    fn a_client_that_has_gone_is_stepped_over() {
        let mut later = Later::with_capacity(4);
        for (places, served) in [(&[0, 1, 2, 3][..], 0), (&[3, 0], 3), (&[1, 2], 1), (&[3, 0], 3)] {
            places.iter().for_each(|place| later.push(Class::StrangerBacklog, *place));
            assert_eq!(late(&mut later), [served]);
        }
    }

    #[test]
    fn classes_are_served_in_order_and_none_is_left_out() {
        let mut later = Later::with_capacity(40);
        for place in 0..40 {
            later.push(Class::StrangerBacklog, place);
            later.push(Class::Backlog, place);
            later.push(Class::Stranger, place);
        }
        let served: Vec<_> = core::iter::from_fn(|| later.next(true)).collect();
        let strangers = (0..16).map(|place| (place, 8));
        assert_eq!(served, strangers.chain([(0, 64), (0, 32)]).collect::<Vec<_>>());
        later.push(Class::Backlog, 7);
        later.push(Class::Backlog, 2);
        let served: Vec<_> = core::iter::from_fn(|| later.next(false)).collect();
        assert_eq!(served, [(2, 512), (7, 512)]);
    }
}

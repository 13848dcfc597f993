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
    const ALL: [Self; 3] = [Self::Stranger, Self::Backlog, Self::StrangerBacklog];

    /// Requests that each of so many clients may have served in a turn.
    fn share(self, clients: usize) -> usize {
        let (all, least) = match self {
            Self::Stranger => (0, 8),
            Self::Backlog => (1024, 64),
            Self::StrangerBacklog => (256, 32),
        };
        least.max(all / clients)
    }

    /// Clients that are served in a turn however late it is: a client that comes and says the password is among the
    /// strangers.
    fn clients_min(self) -> usize {
        match self {
            Self::Stranger => 16,
            Self::Backlog | Self::StrangerBacklog => 1,
        }
    }
}

/// The places of such clients in one turn, by class. Each class goes on where it ended in the turn before.
#[derive(Debug)]
pub(super) struct Later {
    queues: [ClassQueue; Class::ALL.len()],
    /// The class that is being served, and how many of its clients have been.
    class: usize,
    served: usize,
}

#[derive(Debug)]
struct ClassQueue {
    /// In cyclic order, without a fixed beginning.
    places: Vec<usize>,
    /// The place that is served first.
    first: usize,
}

impl ClassQueue {
    /// Brings the place to the front that is served first.
    fn begin(&mut self) {
        let Self { places, first } = self;
        let front = (0..places.len()).min_by_key(|at| (places[*at] < *first, places[*at]));
        places.rotate_left(front.unwrap_or(0));
    }

    /// Forgets the places of the turn, of which so many were served. The next turn begins with the one behind them,
    /// or where all were served, with another one than this turn.
    fn end(&mut self, served: usize) {
        let last = if served < self.places.len() { served.saturating_sub(1) } else { 0 };
        self.first = self.places.get(last).map_or(0, |place| place + 1);
        self.places.clear();
    }
}

impl Later {
    /// Takes the memory for so many clients.
    pub(super) fn with_capacity(clients: usize) -> Self {
        let queue = |_| ClassQueue { places: Vec::with_capacity(clients), first: 0 };
        Self { queues: Class::ALL.map(queue), class: 0, served: 0 }
    }

    /// Adds a client. The places of a turn are added in cyclic order.
    pub(super) fn push(&mut self, class: Class, place: usize) {
        self.queues[class as usize].places.push(place);
    }

    /// The place of the next client that is served, and its share. `None` is the end of the turn; then no client is
    /// left. Where the turn is late, each class gets on by a few clients.
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

    /// The places that are served in a turn that is late from the start.
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

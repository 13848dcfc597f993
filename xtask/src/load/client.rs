//! A simulated client, which chooses its requests and judges their replies. It does not use sockets.

mod judge;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::pattern::Pattern;
use super::region::{AfterCheck, Region, RegionStep};
use super::request::{Attempt, LoadRequest};
use super::shared::{Shared, Stage};
use crate::workload::{Held, Operation, Random};

/// One in this number of requests tries to access the region of another client.
const INTRUSIONS: u64 = 64;
/// One in this number of regions gets a name.
const NAMES: u64 = 8;

/// A client of the load. At most one request is in flight for each of its regions, so each reply can be
/// judged without regard to other requests.
#[derive(Debug)]
pub(super) struct LoadClient {
    number: usize,
    random: Random,
    serial: u64,
    regions: BTreeMap<u64, Region>,
    /// Keys of regions whose next step is required.
    due: VecDeque<u64>,
    /// Keys of regions that are idle: no step is required.
    resting: Vec<u64>,
    /// Requests without a reply, the oldest first.
    sent: VecDeque<Sent>,
    /// The time when the last reply arrived.
    heard: Instant,
    /// Whether the last allocation was refused. A region is then freed before the next allocation.
    is_pressed: bool,
}

#[derive(Debug)]
struct Sent {
    request: LoadRequest,
    at: Instant,
}

impl LoadClient {
    /// Makes a client without regions.
    pub(super) fn new(number: usize, seed: u64) -> Self {
        Self {
            number,
            random: Random::new(seed, number as u64),
            serial: 0,
            regions: BTreeMap::new(),
            due: VecDeque::new(),
            resting: Vec::new(),
            sent: VecDeque::new(),
            heard: Instant::now(),
            is_pressed: false,
        }
    }

    /// Returns the number of the client.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Appends requests to `output` until the planned number of requests is outstanding.
    pub(super) fn fill(&mut self, shared: &mut Shared, output: &mut Vec<u8>) {
        while self.sent.len() < shared.plan.pipeline {
            let Some(request) = self.next(shared) else { return };
            request.encode(&self.reference(&request), output);
            self.sent.push_back(Sent { request, at: Instant::now() });
        }
    }

    /// Returns whether no request is outstanding and no region is left to free.
    pub(super) fn is_done(&self) -> bool {
        self.sent.is_empty() && self.regions.is_empty()
    }

    /// Returns the oldest request if no reply has arrived for longer than `limit` since it was sent. The time
    /// counts from the last reply, because a reply may be delayed by the replies before it.
    pub(super) fn stalled(&self, limit: Duration) -> Option<&LoadRequest> {
        let is_silent = |sent: &&Sent| sent.at.max(self.heard).elapsed() > limit;
        self.sent.front().filter(is_silent).map(|sent| &sent.request)
    }

    /// Returns the oldest request.
    pub(super) fn oldest(&self) -> Option<&LoadRequest> {
        self.sent.front().map(|sent| &sent.request)
    }

    /// Ends the client. The image frees the regions of the client when its connection closes.
    pub(super) fn leave(&mut self, shared: &mut Shared) {
        for region in self.regions.values() {
            shared.live.remove(&region.range);
            shared.exposed.forget(region.range.id);
        }
        for sent in &self.sent {
            if let LoadRequest::Intrude { id, .. } = sent.request {
                shared.exposed.end(id);
            }
        }
        self.regions.clear();
        self.sent.clear();
    }

    fn reference(&self, request: &LoadRequest) -> String {
        let key = match request {
            LoadRequest::Read { key, .. }
            | LoadRequest::Write { key, .. }
            | LoadRequest::Resize { key, .. }
            | LoadRequest::Free { key } => key,
            LoadRequest::Allocate { .. } | LoadRequest::Intrude { .. } => return String::new(),
        };
        self.regions.get(key).map(Region::reference).unwrap_or_default()
    }

    /// Returns the next request, or `None` if the client must wait for replies.
    fn next(&mut self, shared: &mut Shared) -> Option<LoadRequest> {
        for _ in 0..self.due.len() {
            let key = self.due.pop_front()?;
            if let Some(request) = self.go_on(key, shared) {
                return Some(request);
            }
        }
        match shared.stage {
            Stage::Work => self.choose(shared),
            Stage::Finish | Stage::Hurry => self.give_up_one(shared),
        }
    }

    /// Returns the next required request for the region `key`.
    fn go_on(&mut self, key: u64, shared: &mut Shared) -> Option<LoadRequest> {
        let region = self.regions.get_mut(&key)?;
        if shared.stage == Stage::Hurry {
            region.step = RegionStep::Free;
        }
        match region.step {
            RegionStep::Check(offset, _) => Some(region.read(offset)),
            RegionStep::Fill(offset) => Some(region.write(offset)),
            RegionStep::Free if shared.exposed.withdraw(region.range.id) => {
                shared.live.remove(&region.range);
                Some(LoadRequest::Free { key })
            }
            // Another client is trying to access the region, so it is not freed yet.
            RegionStep::Free | RegionStep::Rest => {
                region.step = RegionStep::Rest;
                self.resting.push(key);
                None
            }
        }
    }

    /// Chooses a request by the profile of the load.
    fn choose(&mut self, shared: &mut Shared) -> Option<LoadRequest> {
        if shared.plan.verify
            && self.random.is_one_in(INTRUSIONS)
            && let Some(id) = shared.exposed.begin(self.number, &mut self.random)
        {
            return Some(self.intrude(id, shared));
        }
        let held = Held { all: self.regions.len(), resting: self.resting.len() };
        let plan = &shared.plan;
        let choice = match plan.profile.choose(held, plan.can_resize, &mut self.random) {
            Operation::Allocate if self.is_pressed && held.resting > 0 => Operation::Free,
            choice => choice,
        };
        let request = match choice {
            Operation::Allocate => None,
            Operation::Free => self.give_up_one(shared),
            Operation::Read => self.read_some(),
            Operation::Write => self.rewrite(shared),
            Operation::Resize => self.resize(shared),
        };
        // There may be no region that can be freed, but an allocation is always possible.
        Some(request.unwrap_or_else(|| self.allocate(shared)))
    }

    fn allocate(&mut self, shared: &Shared) -> LoadRequest {
        self.serial += 1;
        let has_name = shared.plan.profile.gives_names() && self.random.is_one_in(NAMES);
        let name = || format!("{}:{}:{}", shared.plan.prefix, self.number, self.serial);
        let name = has_name.then(name);
        LoadRequest::Allocate { size: shared.plan.sizes.draw(&mut self.random), name }
    }

    /// Returns a request that frees an idle region. With `verify`, the region is read completely first.
    fn give_up_one(&mut self, shared: &mut Shared) -> Option<LoadRequest> {
        let key = self.pick()?;
        let is_checked = shared.plan.verify && shared.stage != Stage::Hurry;
        let step =
            if is_checked { RegionStep::Check(0, AfterCheck::Free) } else { RegionStep::Free };
        self.regions.get_mut(&key)?.step = step;
        self.go_on(key, shared)
    }

    fn read_some(&mut self) -> Option<LoadRequest> {
        let key = self.pick()?;
        let region = self.regions.get(&key)?;
        Some(region.read(self.random.below(region.size)))
    }

    fn rewrite(&mut self, shared: &mut Shared) -> Option<LoadRequest> {
        let (key, pattern) = (self.pick()?, self.new_pattern(shared));
        self.regions.get_mut(&key)?.rewrite(pattern);
        self.go_on(key, shared)
    }

    fn resize(&mut self, shared: &mut Shared) -> Option<LoadRequest> {
        let key = self.pick()?;
        let region = self.regions.get(&key)?;
        if !shared.exposed.withdraw(region.range.id) {
            self.resting.push(key);
            return None;
        }
        // The region may move before the reply arrives, and another client may then get the old addresses.
        shared.live.remove(&region.range);
        Some(LoadRequest::Resize { key, size: shared.plan.sizes.draw(&mut self.random) })
    }

    fn intrude(&mut self, id: u64, shared: &Shared) -> LoadRequest {
        let attempt = match self.random.below(if shared.plan.can_resize { 4 } else { 3 }) {
            0 => Attempt::Read,
            1 => Attempt::Write,
            2 => Attempt::Free,
            _ => Attempt::Resize,
        };
        LoadRequest::Intrude { id, attempt }
    }

    /// Removes a random region from the idle ones, and returns its key.
    fn pick(&mut self) -> Option<u64> {
        let index = self.random.index(self.resting.len())?;
        Some(self.resting.swap_remove(index))
    }

    fn new_pattern(&mut self, shared: &Shared) -> Pattern {
        self.serial += 1;
        Pattern::new(shared.plan.seed, self.number, self.serial)
    }
}

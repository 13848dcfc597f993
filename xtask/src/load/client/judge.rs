//! Judges a reply, and chooses the next step of its region.

use std::time::Instant;

use super::{LoadClient, Sent};
use crate::load::answer;
use crate::load::pattern::{Content, Pattern};
use crate::load::region::{AfterCheck, Region, RegionStep};
use crate::load::request::LoadRequest;
use crate::load::shared::{Shared, Stage};
use crate::load::violation::Violation;
use crate::resp::Reply;

impl LoadClient {
    /// Judges the reply to the oldest request.
    pub(crate) fn take(&mut self, reply: &Reply, shared: &mut Shared) {
        self.heard = Instant::now();
        let Some(Sent { request, at }) = self.sent.pop_front() else {
            let violation = unfit("nothing", reply);
            return shared.stats.violate(violation);
        };
        if shared.stage == Stage::Work {
            let error = match reply {
                Reply::Error(error) => Some(error.as_str()),
                _ => None,
            };
            shared.stats.reply(request.kind(), at.elapsed(), error);
        }
        match request {
            LoadRequest::Allocate { size, ref name } => {
                self.allocated(reply, &request, size, name.clone(), shared);
            }
            LoadRequest::Read { key, offset, length } => {
                self.read(reply, &request, (key, offset, length), shared);
            }
            LoadRequest::Write { key, offset, length, .. } => {
                let is_written = is_integer(reply, length);
                self.expect(is_written, key, reply, &request, shared);
                self.update(key, |region| match is_written {
                    true => region.filled(offset + length),
                    false => region.step = RegionStep::Free,
                });
            }
            LoadRequest::Resize { key, size } => self.resized(reply, &request, key, size, shared),
            LoadRequest::Free { key } => {
                self.expect(is_integer(reply, 1), key, reply, &request, shared);
                self.regions.remove(&key);
            }
            LoadRequest::Intrude { id, .. } => {
                shared.exposed.end(id);
                if !answer::is_refusal(reply) {
                    let (request, answer) = (request.to_string(), shown(reply));
                    shared.stats.violate(Violation::Intrusion { request, answer });
                }
            }
        }
    }

    fn allocated(
        &mut self,
        reply: &Reply,
        request: &LoadRequest,
        size: u64,
        name: Option<String>,
        shared: &mut Shared,
    ) {
        self.is_pressed = is_pressure(reply);
        if self.is_pressed {
            return;
        }
        let Some(range) = answer::allocated(reply, size) else {
            return shared.stats.violate(unfit(&request.to_string(), reply));
        };
        shared.settle(range);
        let pattern = self.new_pattern(shared);
        let (key, content, step) = (self.serial, Content::fresh(pattern), unseen(pattern, shared));
        let region = Region { key, name, range, size, content, step };
        self.regions.insert(key, region);
        self.file(key);
    }

    fn read(
        &mut self,
        reply: &Reply,
        request: &LoadRequest,
        (key, offset, length): (u64, u64, u64),
        shared: &mut Shared,
    ) {
        if is_pressure(reply) {
            // The image had no memory for the reply, so the request is repeated.
            return self.update(key, |_| ());
        }
        let bytes = match reply {
            Reply::Bulk(Some(bytes)) if bytes.len() as u64 == length => Some(bytes),
            _ => None,
        };
        self.expect(bytes.is_some(), key, reply, request, shared);
        let mut is_right = bytes.is_some();
        if let (Some(bytes), Some(region), true) =
            (bytes, self.regions.get(&key), shared.plan.verify)
        {
            shared.stats.bytes_checked += length;
            if let Err(wrong) = region.content.check(offset, bytes) {
                is_right = false;
                shared.stats.violate(Violation::Content { range: region.range, wrong });
            }
        }
        let number = self.number;
        self.update(key, |region| {
            match is_right {
                true => region.checked(offset + length),
                false => region.step = RegionStep::Free,
            }
            // Only a region with correct bytes is exposed to other clients. Otherwise a violation could be
            // attributed to their access.
            if shared.plan.verify && is_right && region.name.is_none() {
                shared.exposed.expose(number, region.range.id);
            }
        });
    }

    fn resized(
        &mut self,
        reply: &Reply,
        request: &LoadRequest,
        key: u64,
        size: u64,
        shared: &mut Shared,
    ) {
        let Some(old) = self.regions.get(&key).map(|region| region.range) else { return };
        let new = answer::resized(reply, &old, size);
        let is_refused = is_pressure(reply);
        self.expect(new.is_some() || is_refused, key, reply, request, shared);
        // If the resize was refused, the region keeps its old addresses.
        shared.settle(new.unwrap_or(old));
        let next = unseen(self.new_pattern(shared), shared);
        self.is_pressed = is_refused;
        self.update(key, |region| {
            if let Some(range) = new {
                region.resized(range, size);
            }
            // If the resize was refused, the region must keep its content.
            region.step = if new.is_some() || is_refused { next } else { RegionStep::Free };
        });
    }

    /// Records a violation unless `is_right`.
    fn expect(
        &mut self,
        is_right: bool,
        key: u64,
        reply: &Reply,
        request: &LoadRequest,
        shared: &mut Shared,
    ) {
        if is_right {
            return;
        }
        let id = self.regions.get(&key).map_or(0, |region| region.range.id);
        let violation = unfit(&format!("{request} of region {id}"), reply);
        shared.stats.violate(violation);
    }

    /// Changes a region that has no request in flight.
    fn update(&mut self, key: u64, change: impl FnOnce(&mut Region)) {
        if let Some(region) = self.regions.get_mut(&key) {
            change(region);
            self.file(key);
        }
    }

    /// Puts a region into the queue of required steps, or into the list of idle regions.
    fn file(&mut self, key: u64) {
        match self.regions.get(&key).map(|region| region.step) {
            Some(RegionStep::Rest) => self.resting.push(key),
            Some(_) => self.due.push_back(key),
            None => {}
        }
    }
}

/// Returns the first step for a region whose bytes were not read before.
fn unseen(pattern: Pattern, shared: &Shared) -> RegionStep {
    if shared.plan.verify {
        RegionStep::Check(0, AfterCheck::Fill(pattern))
    } else {
        RegionStep::Rest
    }
}

fn is_integer(reply: &Reply, expected: u64) -> bool {
    matches!(reply, Reply::Integer(number) if u64::try_from(*number) == Ok(expected))
}

fn is_pressure(reply: &Reply) -> bool {
    matches!(reply, Reply::Error(error) if answer::is_pressure(error))
}

fn unfit(request: &str, reply: &Reply) -> Violation {
    Violation::Answer { request: request.to_owned(), answer: shown(reply) }
}

/// Formats a reply on one line. Bytes of regions are replaced by their number.
fn shown(reply: &Reply) -> String {
    match reply {
        Reply::Bulk(Some(bytes)) => format!("{} bytes", bytes.len()),
        other => other.terminal().trim_end().replace('\n', ", "),
    }
}

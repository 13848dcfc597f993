//! Maps frames that do not belong to the allocator. Checks that their bytes stay unchanged and that
//! no CPU reaches them after the flush.
#![expect(unsafe_code, reason = "maps frames of its own")]

use std::mem::ManuallyDrop;

use vmalloc::sim::SimMachine;
use vmalloc::{FlushTicket, Frame, PAGE_BYTES, Protection, ResizeError};

use super::contents::Contents;
use super::deserved::Need;
use super::{Held, World};

/// The highest number of runs that the model takes, and the number of frames of each.
const RUNS_MAX: usize = 3;
const RUN_FRAMES: u64 = 8;

/// A run of frames that belongs to the model.
pub(super) struct Run<'v> {
    pub(super) frames: Vec<Frame>,
    contents: Vec<Contents>,
    pub(super) state: RunState<'v>,
}

#[derive(Debug)]
pub(super) enum RunState<'v> {
    /// No CPU can reach the frames.
    Free,
    Mapped,
    /// CPUs may reach the frames until the ticket is flushed.
    Ticket(FlushTicket<'v, SimMachine>),
    /// CPUs may reach the frames until no area is lazy.
    Waiting,
}

impl Run<'_> {
    /// Takes back the frames of a region that was freed.
    pub(super) fn give_back(&mut self, held: &Held) {
        self.contents[..held.contents.len()].copy_from_slice(&held.contents);
        self.state = RunState::Waiting;
    }
}

impl World<'_> {
    fn free_run(&mut self) -> Option<usize> {
        if let Some(run) = self.runs.iter().position(|run| matches!(run.state, RunState::Free)) {
            return Some(run);
        }
        if self.runs.len() == RUNS_MAX {
            return None;
        }
        let taken = self.vm.take_run(RUN_FRAMES)?;
        assert_eq!(taken.count, RUN_FRAMES);
        let frames = (0..taken.count).map(|frame| taken.start + frame).collect();
        let contents = vec![Contents::ZERO; taken.count as usize];
        self.runs.push(Run { frames, contents, state: RunState::Free });
        Some(self.runs.len() - 1)
    }

    pub(super) fn map(&mut self, frames: u64, protection: Protection) {
        let Some(number) = self.free_run() else { return };
        let frames = self.runs[number].frames[..frames as usize].to_vec();
        // SAFETY: the run belongs to the model, which accesses it only by the mapped addresses.
        let mapped = unsafe { self.vm.vmap(&frames, protection, "model") };
        self.settle_deferred();
        let pages = frames.len() as u64;
        match mapped {
            Ok(region) => {
                let region = ManuallyDrop::new(region);
                let info = region.info();
                assert!(info.is_mapped && info.caller == "model");
                assert_eq!(self.frames_of(&info), frames, "in order");
                let run = &mut self.runs[number];
                run.state = RunState::Mapped;
                let held = Held {
                    id: info.id,
                    requested: pages * PAGE_BYTES,
                    protection,
                    promised: Some(protection),
                    align: PAGE_BYTES,
                    zeroed: false,
                    node: None,
                    system: false,
                    deferred: false,
                    run: Some(number),
                    contents: run.contents[..frames.len()].to_vec(),
                    frames,
                };
                self.assert_contents(info.range.address().as_u64(), &held);
                self.held.insert(info.range.address().as_u64(), held);
                self.owners.insert(info.id, region);
            }
            Err(error) => {
                let need = Need {
                    pages,
                    align: PAGE_BYTES,
                    frames: 0,
                    only: None,
                    may_take_reserve: true,
                    must_be_large: false,
                };
                self.assert_deserved(error, &need);
            }
        }
    }

    pub(super) fn unmap(&mut self, which: u32, lazily: bool) {
        let owned = |held: &&Held| held.run.is_some() && self.owners.contains_key(&held.id);
        let mapped = self.held.iter().filter(|(_, held)| owned(held)).map(|(start, _)| *start);
        let mapped: Vec<u64> = mapped.collect();
        let Some(start) = mapped.get(which as usize % mapped.len().max(1)).copied() else { return };
        if !lazily && self.must_not_wait() {
            return;
        }
        let id = self.held[&start].id;
        let owner = self.owners.get_mut(&id).expect("just picked");
        let refused = owner.resize(&vmalloc::Resize::to(1)).unwrap_err();
        assert_eq!(refused, ResizeError::Mapped { id });
        let owner = ManuallyDrop::into_inner(self.owners.remove(&id).expect("just picked"));
        let run = self.held[&start].run.expect("just picked");
        if lazily {
            let ticket = self.vm.vunmap_lazy(owner);
            self.forget(start);
            self.runs[run].state = RunState::Ticket(ticket);
        } else {
            self.vm.vunmap(owner);
            self.forget(start);
            // A halted CPU flushes when it wakes, before it accesses memory.
            self.runs[run].state = RunState::Free;
        }
        self.assert_freed(start);
    }

    pub(super) fn settle_runs(&mut self) {
        let is_lazy = self.vm.stats().areas_lazy > 0;
        for run in &mut self.runs {
            let is_out_of_reach = match run.state {
                RunState::Free => true,
                RunState::Mapped => false,
                RunState::Ticket(ticket) => {
                    let is_flushed = ticket.is_flushed();
                    assert!(is_flushed || is_lazy, "{ticket:?}: no area is lazy");
                    is_flushed
                }
                RunState::Waiting => !is_lazy,
            };
            if is_out_of_reach {
                run.state = RunState::Free;
            }
        }
    }
}

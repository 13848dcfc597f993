//! The states of commands that continue in later turns, with one variant for each command.

use vmalloc::Access;

use super::call::{Step, Stepped};
use super::command::allocate::Allocation;
use super::command::audit::{Auditing, Purging};
use super::command::batch::{Batch, FreeAll};
use super::command::fill::Sweep;
use super::command::free::Freeing;
use super::command::keys::{LargeSet, LargeWrite};
use super::command::protect::Protecting;
use super::command::resize::Resizing;
use super::command::walk::{NameWalk, Walk};
use super::failure::Failure;
use super::parts::Parts;

/// The state of a command that continues in later turns.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one per connection, and the heap is for what stays")]
pub(super) enum Task {
    Allocate(Allocation),
    Audit(Auditing),
    Batch(Batch),
    Free(Freeing),
    FreeAll(FreeAll),
    Names(NameWalk),
    Protect(Protecting),
    Purge(Purging),
    Resize(Resizing),
    SetAll(LargeSet),
    Sweep(Sweep),
    Walk(Walk),
    Write(LargeWrite),
}

impl Task {
    /// Continues the command by one step.
    pub(super) fn step<M: Access>(
        self,
        step: &mut Step<'_, '_, M>,
    ) -> Result<Stepped<Self>, Failure> {
        Ok(match self {
            Self::Allocate(state) => state.step(step)?.map(Self::Allocate),
            Self::Audit(state) => state.step(step)?.map(Self::Audit),
            Self::Batch(state) => state.step(step)?.map(Self::Batch),
            Self::Free(state) => state.step(step)?.map(Self::Free),
            Self::FreeAll(state) => state.step(step)?.map(Self::FreeAll),
            Self::Protect(state) => state.step(step)?.map(Self::Protect),
            Self::Purge(state) => state.step(step)?.map(Self::Purge),
            Self::Resize(state) => state.step(step)?.map(Self::Resize),
            Self::Sweep(state) => state.step(step)?.map(Self::Sweep),
            Self::Write(state) => state.step(step)?.map(Self::Write),
            // These commands are not stepped; they continue when their request is resumed.
            Self::Names(_) | Self::SetAll(_) | Self::Walk(_) => Stepped::Ready(Some(self)),
        })
    }

    /// Cancels the command, because its connection has ended. Returns the state while an operation
    /// on an AP is in flight for the command.
    pub(super) fn cancel<M: Access>(self, parts: &mut Parts<M>) -> Option<Self> {
        match self {
            Self::Allocate(state) => state.cancel(parts).map(Self::Allocate),
            Self::Audit(state) => state.cancel(parts).map(Self::Audit),
            Self::Free(state) => state.cancel(parts).map(Self::Free),
            Self::Protect(state) => state.cancel(parts).map(Self::Protect),
            Self::Purge(state) => state.cancel(parts).map(Self::Purge),
            Self::Resize(state) => state.cancel(parts).map(Self::Resize),
            Self::Write(state) => state.cancel(parts).map(Self::Write),
            // The regions that these commands have allocated are in the list of the connection.
            // They become orphans together with that list.
            Self::Batch(_)
            | Self::FreeAll(_)
            | Self::Names(_)
            | Self::SetAll(_)
            | Self::Sweep(_)
            | Self::Walk(_) => None,
        }
    }

    /// Returns whether the command waits for an AP or another connection.
    pub(super) fn waits_for_others(&self) -> bool {
        match self {
            Self::Allocate(state) => state.is_on_ap(),
            Self::Audit(_) | Self::Protect(_) | Self::Purge(_) => true,
            Self::Free(state) => state.is_on_ap(),
            Self::Resize(state) => state.is_on_ap(),
            Self::Sweep(state) => state.is_held(),
            Self::Write(state) => state.is_on_ap(),
            Self::Batch(_)
            | Self::FreeAll(_)
            | Self::Names(_)
            | Self::SetAll(_)
            | Self::Walk(_) => false,
        }
    }

    /// Returns whether the command grows a region in slices on the BSP. If the connection ends, the
    /// growth is rolled back.
    pub(super) fn is_growing(&self) -> bool {
        match self {
            Self::Resize(state) => !state.is_on_ap(),
            Self::Write(state) => state.is_growing() && !state.is_on_ap(),
            _ => false,
        }
    }

    /// Returns whether the command has set some of its keys already. The remaining keys must then
    /// be set too.
    pub(super) fn is_publishing(&self) -> bool {
        matches!(self, Self::SetAll(set) if set.is_publishing())
    }
}

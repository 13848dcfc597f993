//! Allocates, changes and frees the regions of a window.
//!
//! [`Core`](parts::Core) contains the data of a window. Every operation is a free function on
//! `Core`, in a module of its own. The module `verbs` has the public methods, which only call these
//! functions.

mod allocate;
mod capacity;
mod change;
mod check;
mod fast_path;
mod faults;
mod flush;
mod frames;
mod free;
mod handle;
mod large;
mod limits;
mod listing;
mod locate;
mod lookup;
mod map;
mod modes;
pub(crate) mod parts;
#[cfg(feature = "allocator-api2")]
mod pointer;
mod protect;
mod purge;
mod release;
mod relocate;
mod reserve;
mod resize;
mod retry;
mod setup;
mod statistics;
pub(crate) mod unmap;
mod verbs;
mod view;

pub use check::{Audit, Violation};
pub use faults::{FaultVerdict, Faults};
pub use handle::Region;
pub use listing::Cursor;
pub use locate::{FaultSite, SiteKind};
pub use map::FlushTicket;
pub use modes::Modes;
pub use parts::Vmalloc;
pub use purge::Purged;
pub use setup::Config;

//! The methods of [`Vmalloc`](crate::Vmalloc): their promises. The work is done in the modules beside this one.

mod allocate;
mod change;
mod cpu;
mod release;
mod report;
mod setup;

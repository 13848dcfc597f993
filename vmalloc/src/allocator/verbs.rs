//! The public methods of [`Vmalloc`](crate::Vmalloc), with their contracts. Each method calls a
//! function in a module next to this one.

mod allocate;
mod change;
mod cpu;
mod release;
mod report;
mod setup;

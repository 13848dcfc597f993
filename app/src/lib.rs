//! A unikernel that serves page-table-backed memory regions over TCP. This library contains the whole unikernel except
//! its entry point.
//!
//! The bytes of a request pass from the device through [`net`], [`server`] and [`service`] to the `vmalloc` crate.
//! [`net`] transfers the bytes of connections, [`resp`] parses requests and writes replies, [`service`] executes
//! requests, and [`http`] writes reports for browsers and monitoring systems. These modules do not access hardware, and
//! are tested on the host. [`server`] connects them in one loop that never blocks; [`net`] and [`service`] do not
//! depend on each other. The module `image` boots a `runtime::Runtime` and serves on it. Only this file selects a
//! runtime.
//!
//! From top to bottom, each module imports only modules behind it: `image`, `selftest`, `serve`, `device`, the
//! two runtimes, `runtime`, `hardware`, `server`, `http`, `service`, `net`, `bench`, `resp`,
//! `buffers`, `switches`, `platform`.

#![cfg_attr(target_os = "none", no_std)]

extern crate alloc;

pub mod bench;
pub mod buffers;
pub mod http;
pub mod net;
pub mod platform;
pub mod resp;
pub mod server;
pub mod service;
pub mod switches;

#[cfg(target_os = "none")]
mod device;
#[cfg(target_os = "none")]
mod hardware;
#[cfg(target_os = "none")]
pub mod image;
#[cfg(target_os = "none")]
mod runtime;
#[cfg(target_os = "none")]
mod selftest;
#[cfg(target_os = "none")]
mod serve;

#[cfg(all(target_os = "none", not(feature = "hermit")))]
mod bare;
#[cfg(all(target_os = "none", feature = "hermit"))]
mod hermit;

/// The runtime that the image is built for.
#[cfg(all(target_os = "none", not(feature = "hermit")))]
pub(crate) use bare::Bare as Kernel;
#[cfg(all(target_os = "none", feature = "hermit"))]
pub(crate) use hermit::Hermit as Kernel;

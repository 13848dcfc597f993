//! A unikernel that serves page-table-backed memory regions over TCP: everything but its entry.
//!
//! Bytes go device, [`net`], [`server`], [`service`], `vmalloc`. The network and the service do not
//! know each other: [`net`] moves bytes of numbered lines, [`resp`] makes requests of bytes and
//! bytes of replies, [`service`] serves requests, [`http`] writes its reports for browsers and
//! monitors, and [`server`] joins them in one loop that never blocks. All of that is pure and is tested
//! on the host. The image around it is `image`: it boots a `runtime::Runtime` and serves on it. This file
//! chooses the runtime, and nothing else names one.

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

/// The kernel that the image is built for.
#[cfg(all(target_os = "none", not(feature = "hermit")))]
pub(crate) use bare::Bare as Kernel;
#[cfg(all(target_os = "none", feature = "hermit"))]
pub(crate) use hermit::Hermit as Kernel;

//! A unikernel that serves page-table-backed memory regions over TCP: everything but its entry.
//!
//! Bytes go device, [`net`], [`server`], [`service`], `vmalloc`. The network and the service do not
//! know each other: [`net`] moves bytes of numbered lines, [`resp`] makes requests of bytes and
//! bytes of replies, [`service`] serves requests, [`http`] writes its reports for browsers and
//! monitors, and [`server`] joins them in one loop that never blocks. All of that is pure and is tested on the host; what touches hardware is in `bare`.

#![cfg_attr(target_os = "none", no_std)]

extern crate alloc;

#[cfg(target_os = "none")]
pub mod bare;
pub mod bench;
pub mod buffers;
pub mod http;
pub mod net;
pub mod platform;
pub mod resp;
pub mod server;
pub mod service;
pub mod switches;

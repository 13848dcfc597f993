//! Facts on which the image and the host tool must agree.
//!
//! The image is built without an operating system, and the host tool is built for Linux, so neither can
//! depend on the other. Definitions that both use are in this crate: the kernel command line ([`cmdline`]),
//! limits ([`limits`]), ports and addresses ([`ports`]), the address-space layout ([`layout`]), the addresses
//! that a machine can have ([`unicast`]), the format of a line on the serial console ([`console`]) and the
//! verdict on a run of the guest's own tests ([`verdict`]).
//!
//! The crate contains only facts and their parsers. It allocates no memory, accesses no hardware and has no
//! dependency. Defaults that only the library needs are in `vmalloc`.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod cmdline;
pub mod console;
pub mod layout;
pub mod limits;
pub mod ports;
pub mod unicast;
pub mod verdict;

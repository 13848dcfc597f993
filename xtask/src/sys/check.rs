//! The results of system calls.

use std::io;

/// Converts the result of a system call, which is negative for an error.
pub(super) fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

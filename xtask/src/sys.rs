//! The system calls that `std` does not offer, each wrapped in a safe function.
#![expect(
    unsafe_code,
    reason = "system calls: prctl, kill, sigtimedwait, socket, setsockopt, listen, geteuid, unshare, \
              openpty, pidfd_open, pidfd_getfd, pidfd_send_signal"
)]

mod check;
mod link;

use std::io;
use std::net::{TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use check::check;

pub(crate) use link::{enter_network, open_tap, own_network, packet_socket};

/// Returns whether the tool runs as root.
pub(crate) fn is_root() -> bool {
    // SAFETY: geteuid has no arguments and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// Moves the calling thread, and every process that it starts later, into a new, empty network namespace.
/// The namespace has no name, so the kernel removes it when the last process has ended.
pub(crate) fn leave_network() -> io::Result<()> {
    // SAFETY: unshare takes a number; CLONE_NEWNET changes the calling thread only.
    check(unsafe { libc::unshare(libc::CLONE_NEWNET) })
}

/// Opens a terminal of a given size: the controlling end and the program's end.
pub(crate) fn open_terminal(rows: u16, columns: u16) -> io::Result<(OwnedFd, OwnedFd)> {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let (mut person, mut program) = (-1, -1);
    // SAFETY: two places for descriptors and a size, all of them alive until the call returns; null
    // pointers request no name and the default settings.
    check(unsafe {
        libc::openpty(
            &raw mut person,
            &raw mut program,
            std::ptr::null_mut(),
            std::ptr::null(),
            &raw const size,
        )
    })?;
    // SAFETY: openpty has just opened it, and no other code knows it.
    let person = unsafe { OwnedFd::from_raw_fd(person) };
    // SAFETY: openpty has just opened it, and no other code knows it.
    let program = unsafe { OwnedFd::from_raw_fd(program) };
    Ok((person, program))
}

/// How a child process depends on the life and on the terminal of the tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bond {
    /// The child is killed when the tool ends for any reason, and receives the tool's Ctrl-C.
    Shared,
    /// The child is killed when the tool ends for any reason, but only the tool receives Ctrl-C.
    Own,
    /// The child continues after the end of the tool, in a session of its own.
    Released,
}

/// Ties a command to the life of this process and passes open files to it.
///
/// The kernel ties the child to the calling *thread*: call this function from the main thread, or from one
/// that waits for the child. A program that changes its user loses the bond.
pub(crate) fn bind(command: &mut Command, bond: Bond, inherit: &[RawFd]) {
    let parent = std::process::id().cast_signed();
    let inherit = inherit.to_vec();
    let prepare = move || prepare_child(parent, bond, &inherit);
    // SAFETY: `prepare_child` runs between fork and exec. It makes system calls that are
    // async-signal-safe, reads memory that was filled before the fork, and allocates nothing.
    unsafe { command.pre_exec(prepare) };
}

fn prepare_child(parent: i32, bond: Bond, inherit: &[RawFd]) -> io::Result<()> {
    clear_signal_mask();
    for &descriptor in inherit {
        // SAFETY: F_SETFD changes a flag of a descriptor that the caller keeps open.
        check(unsafe { libc::fcntl(descriptor, libc::F_SETFD, 0) })?;
    }
    match bond {
        Bond::Shared => {}
        // SAFETY: setpgid(0, 0) affects the calling process only.
        Bond::Own => check(unsafe { libc::setpgid(0, 0) })?,
        Bond::Released => {
            // SAFETY: setsid has no arguments and affects the calling process only.
            check(unsafe { libc::setsid() })?;
            return Ok(());
        }
    }
    // SAFETY: PR_SET_PDEATHSIG takes a signal number and affects the calling process only.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) })?;
    // SAFETY: getppid has no arguments and cannot fail.
    if unsafe { libc::getppid() } != parent {
        // The tool ended before the bond was set.
        return Err(io::ErrorKind::Interrupted.into());
    }
    Ok(())
}

/// Unblocks the signals in a child that the tool blocks for itself.
fn clear_signal_mask() {
    let mut set = std::mem::MaybeUninit::uninit();
    // SAFETY: sigemptyset initializes the set that it is given.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: reads the set, which the line above has initialized; a null old mask is allowed.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, set.as_ptr(), std::ptr::null_mut()) };
}

/// Kills a process that was started with [`Bond::Own`] or [`Bond::Released`], and its group.
pub(crate) fn kill_group(leader: u32) -> io::Result<()> {
    // 0 and 1 would address this group and every process.
    let leader = libc::pid_t::try_from(leader).ok().filter(|leader| *leader > 1);
    let leader = leader.ok_or(io::ErrorKind::InvalidInput)?;
    // SAFETY: kill sends a signal; the group is one that the caller has started.
    check(unsafe { libc::kill(-leader, libc::SIGKILL) })
}

/// Sends a signal to an opened process; a process that has ended gets none.
pub(crate) fn signal(process: &OwnedFd, signal: libc::c_int) -> io::Result<()> {
    let descriptor = process.as_raw_fd();
    let info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: pidfd_send_signal takes an open descriptor and numbers; a null pointer requests the default
    // information.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, descriptor, signal, info, 0) };
    match io::Error::last_os_error() {
        _ if result == 0 => Ok(()),
        error if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        error => Err(error),
    }
}

/// Sends a signal to a process.
pub(crate) fn kill(pid: u32, signal: libc::c_int) -> io::Result<()> {
    // SAFETY: kill takes two numbers; the caller has verified whose pid this is.
    check(unsafe { libc::kill(pid.cast_signed(), signal) })
}

/// Makes the close of a connection send a RST instead of a FIN.
pub(crate) fn reset_on_close(stream: &TcpStream) -> io::Result<()> {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let size = libc::socklen_t::try_from(size_of::<libc::linger>()).unwrap_or(0);
    // SAFETY: the pointer and the size describe `linger`, which lives until the call returns.
    check(unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size,
        )
    })
}

/// Opens a process by its pid. The handle refers to the process even after its pid is reused.
pub(crate) fn open_process(number: u32) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two numbers and changes nothing.
    opened(unsafe { libc::syscall(libc::SYS_pidfd_open, number.cast_signed(), 0) })
}

/// Copies an open file of another process into this one. The kernel permits it for processes that this one
/// may trace: root traces all, a parent its children.
pub(crate) fn copy_descriptor(pid: u32, descriptor: RawFd) -> io::Result<OwnedFd> {
    let process = open_process(pid)?;
    // SAFETY: pidfd_getfd takes three numbers; the first is open until the call returns.
    opened(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), descriptor, 0) })
}

/// Wraps the descriptor that a system call has opened.
fn opened(result: libc::c_long) -> io::Result<OwnedFd> {
    let descriptor = RawFd::try_from(result).ok().filter(|descriptor| *descriptor >= 0);
    let descriptor = descriptor.ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the system call that returned the number has just opened it, and only the caller knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Makes a socket listen with a backlog; a socket that already listens gets the new backlog.
pub(crate) fn listen(socket: &OwnedFd, backlog: i32) -> io::Result<()> {
    // SAFETY: listen takes two numbers; the first is open until the call returns.
    check(unsafe { libc::listen(socket.as_raw_fd(), backlog) })
}

/// Opens a socket whose bytes are whole IPv4 packets; the kernel fills in their checksums and lengths. Only
/// sending is supported.
pub(crate) fn raw_socket() -> io::Result<UdpSocket> {
    // SAFETY: socket takes three numbers.
    let descriptor = unsafe {
        libc::socket(libc::AF_INET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::IPPROTO_RAW)
    };
    check(descriptor)?;
    // SAFETY: the call above has opened it, and no other code knows it.
    let socket = unsafe { OwnedFd::from_raw_fd(descriptor) };
    Ok(socket.into())
}

/// The signals that ask the tool to end, blocked so that the tool can end its guest first.
///
/// The value proves that they are blocked in the thread that made it; [`bind`] unblocks them for children.
#[derive(Debug)]
pub(crate) struct Signals {
    set: libc::sigset_t,
}

impl Signals {
    /// Blocks SIGINT, SIGTERM and SIGHUP, and SIGCHLD, which ends a wait early.
    pub(crate) fn block() -> Self {
        let mut set = std::mem::MaybeUninit::uninit();
        // SAFETY: sigemptyset initializes the set that it is given.
        unsafe { libc::sigemptyset(set.as_mut_ptr()) };
        // SAFETY: initialized by the line above.
        let mut set = unsafe { set.assume_init() };
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGCHLD] {
            // SAFETY: the set is initialized and the numbers are valid signals.
            unsafe { libc::sigaddset(&raw mut set, signal) };
        }
        // SAFETY: reads the set; a null pointer for the old mask is allowed.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
        Self { set }
    }

    /// Waits until a signal arrives or the time is over; returns whether a signal asked the tool to end.
    pub(crate) fn wait(&self, limit: Duration) -> bool {
        let limit = libc::timespec {
            tv_sec: limit.as_secs().try_into().unwrap_or(libc::time_t::MAX),
            tv_nsec: limit.subsec_nanos().into(),
        };
        // SAFETY: both pointers are valid for the call; a null siginfo is allowed.
        let signal = unsafe {
            libc::sigtimedwait(&raw const self.set, std::ptr::null_mut(), &raw const limit)
        };
        [libc::SIGINT, libc::SIGTERM, libc::SIGHUP].contains(&signal)
    }
}

//! Network namespaces and the link layer: setns, packet sockets, TAP devices.
#![expect(
    unsafe_code,
    reason = "system calls: setns, socket, if_nametoindex, bind, setsockopt, ioctl"
)]

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use super::check::check;

/// Opens the network namespace of the calling thread. The namespace exists as long as the file is open.
pub(crate) fn own_network() -> io::Result<File> {
    File::open("/proc/thread-self/ns/net")
}

/// Moves the calling thread, and every process that it starts later, into a namespace.
pub(crate) fn enter_network(network: &File) -> io::Result<()> {
    // SAFETY: setns takes an open descriptor and a flag, and changes the calling thread only.
    check(unsafe { libc::setns(network.as_raw_fd(), libc::CLONE_NEWNET) })
}

/// Opens a socket that receives every frame of a device, and sends whole frames through it.
pub(crate) fn packet_socket(device: &str) -> io::Result<UdpSocket> {
    let protocol = u16::try_from(libc::ETH_P_ALL).unwrap_or_default().to_be();
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
    // SAFETY: socket takes three numbers. Protocol 0 receives nothing before the bind below.
    let descriptor = unsafe { libc::socket(libc::AF_PACKET, kind, 0) };
    check(descriptor)?;
    // SAFETY: the call above has opened it, and only this function knows it.
    let socket = unsafe { OwnedFd::from_raw_fd(descriptor) };
    // SAFETY: zero bytes are a valid value of this structure of numbers.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = u16::try_from(libc::AF_PACKET).unwrap_or_default();
    address.sll_protocol = protocol;
    address.sll_ifindex = index_of(device)?;
    // SAFETY: the pointer and the size describe `address`, which lives until the call returns.
    check(unsafe {
        libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size_of_u32(&address))
    })?;
    let yes: libc::c_int = 1;
    let option = libc::PACKET_IGNORE_OUTGOING;
    // SAFETY: the pointer and the size describe `yes`, which lives until the call returns.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            (&raw const yes).cast(),
            size_of_u32(&yes),
        )
    })?;
    Ok(socket.into())
}

fn index_of(device: &str) -> io::Result<i32> {
    let name = CString::new(device)?;
    // SAFETY: the pointer is to a string with its end, which lives until the call returns.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    match i32::try_from(index) {
        Ok(index) if index > 0 => Ok(index),
        _ => Err(io::Error::last_os_error()),
    }
}

fn size_of_u32<T>(value: &T) -> libc::socklen_t {
    libc::socklen_t::try_from(size_of_val(value)).unwrap_or_default()
}

/// Makes a TAP device in the thread's network namespace; its frames are read and written whole and without
/// blocking. The kernel segments and checksums the packets that it sends there, because the file declares
/// no offload. The device exists as long as the file is open.
pub(crate) fn open_tap(device: &str) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open("/dev/net/tun")?;
    // SAFETY: zero bytes are a valid value of this structure of numbers.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if device.len() >= request.ifr_name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(device.bytes()) {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags =
        i16::try_from(libc::IFF_TAP | libc::IFF_NO_PI).unwrap_or_default();
    // SAFETY: the request lives until the call returns, and its name has an end.
    check(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw const request) })?;
    Ok(file)
}

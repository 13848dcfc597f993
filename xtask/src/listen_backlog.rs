//! Raises the listen backlog of QEMU's user network from outside of QEMU.
//!
//! QEMU listens on a forwarded port with a backlog of 1, and has no option for more. If many clients connect
//! at the same time, the kernel drops the SYNs of all but two, and the other clients wait for seconds. The
//! backlog belongs to the socket, and `listen` can change it at any time. The tool therefore copies QEMU's
//! listening sockets (`pidfd_getfd`) and calls `listen` again. QEMU's own descriptors stay valid.

use std::fs;
use std::io;
use std::os::fd::RawFd;
use std::process::{Command, Stdio};

use anyhow::{Context, anyhow};

use crate::sys;

/// The requested backlog. The kernel limits it to `net.core.somaxconn`.
pub(crate) const BACKLOG: i32 = 4096;

/// Raises the backlog of the socket with which a process listens on a port of 127.0.0.1.
///
/// # Errors
/// The socket is not found, or the kernel does not permit the copy.
pub(crate) fn raise(pid: u32, port: u16) -> anyhow::Result<()> {
    let table = fs::read_to_string(format!("/proc/{pid}/net/tcp"))?;
    let inode = listening_inode(&table, port)
        .ok_or_else(|| anyhow!("process {pid} does not listen on port {port}"))?;
    let descriptor = descriptor_of(pid, inode)?
        .ok_or_else(|| anyhow!("process {pid} has no descriptor of its port {port}"))?;
    let socket = sys::copy_descriptor(pid, descriptor).context("pidfd_getfd")?;
    sys::listen(&socket, BACKLOG).context("listen")
}

/// Tests with a child process whether sockets can be copied on this host.
///
/// # Errors
/// The reason why sockets cannot be copied: an old kernel, a container's filter, a security module.
pub(crate) fn try_copy() -> Result<(), String> {
    let mut child = Command::new("sleep");
    child.arg("60").stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = child.spawn().map_err(|error| format!("sleep: {error}"))?;
    let copied = sys::copy_descriptor(child.id(), 0);
    let _ = child.kill();
    let _ = child.wait();
    copied.map(drop).map_err(|error| format!("pidfd_getfd: {error}"))
}

/// Finds the socket that listens on a port of 127.0.0.1 in the text of `/proc/PID/net/tcp`.
fn listening_inode(table: &str, port: u16) -> Option<u64> {
    // 127.0.0.1 in the byte order of the machine, and the state LISTEN.
    let address = format!("{:08X}:{port:04X}", u32::from_ne_bytes([127, 0, 0, 1]));
    table.lines().find_map(|line| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        let listens = fields.get(1) == Some(&address.as_str()) && fields.get(3) == Some(&"0A");
        if listens { fields.get(9)?.parse().ok() } else { None }
    })
}

fn descriptor_of(pid: u32, inode: u64) -> io::Result<Option<RawFd>> {
    let target = format!("socket:[{inode}]");
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let entry = entry?;
        // A descriptor may be closed between the listing and the lookup.
        if fs::read_link(entry.path()).is_ok_and(|link| link.as_os_str() == target.as_str()) {
            return Ok(entry.file_name().to_str().and_then(|name| name.parse().ok()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::os::fd::AsRawFd;
    use std::time::Duration;

    use super::*;

    const HANG: Duration = Duration::from_secs(10);

    #[test]
    fn the_listening_socket_of_a_port_is_found() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
                     0: 0100007F:1CD3 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4711 1\n\
                     1: 0200007F:1CD3 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1\n\
                     2: 0100007F:1CD3 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1\n";
        assert_eq!(listening_inode(table, 7379), Some(4713));
        assert_eq!(listening_inode(table, 7380), None);
    }

    #[test]
    fn a_raised_backlog_takes_clients_before_they_are_accepted() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        // QEMU listens with the same backlog.
        let own = sys::copy_descriptor(std::process::id(), listener.as_raw_fd()).unwrap();
        sys::listen(&own, 1).unwrap();
        let connect = |limit| TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), limit);
        let short = Duration::from_millis(200);
        let few: Vec<_> = (0..8).filter_map(|_| connect(short).ok()).collect();
        assert!(few.len() < 8, "a backlog of 1 took all of 8 clients: the test proves nothing");
        raise(std::process::id(), port).unwrap();
        // A client whose SYN is dropped for good would never connect; a delayed one does.
        let _many: Vec<_> = (0..50).map(|_| connect(HANG).unwrap()).collect();
    }

    #[test]
    fn missing_sockets_are_named() {
        let error = raise(std::process::id(), 1).unwrap_err();
        assert!(error.to_string().contains("port 1"), "{error}");
    }
}

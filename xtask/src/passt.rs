//! passt, the helper process that transfers the guest's packets.
//!
//! passt and QEMU get the two ends of a socket pair. With a socket in the file system instead, passt could
//! wait for a QEMU that never starts. With a pair, passt ends when QEMU ends, or its supervisor ends it.

pub(crate) mod supervisor;

use std::os::fd::RawFd;
use std::path::Path;
use std::process::Command;

use runtime_config::ports;

use crate::network::{Forward, Forwards};

/// Returns the command that forwards ports of this host to ports of the guest.
pub(crate) fn command(passt: &Path, descriptor: RawFd, forwards: &Forwards) -> Command {
    let text = |address: [u8; 4]| std::net::Ipv4Addr::from(address).to_string();
    let mut command = Command::new(passt);
    command.args(["-f", "-q", "-F", &descriptor.to_string()]);
    command.args(["-a", &text(ports::GUEST_ADDRESS), "-n", "255.255.255.0"]);
    command.args(["-g", &text(ports::GUEST_GATEWAY)]);
    for Forward { host, guest } in forwards.iter() {
        command.args(["-t", &format!("{}/{}:{guest}", host.ip(), host.port())]);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process;

    #[test]
    fn the_command_forwards_both_ports() {
        let resp = Forward { host: "127.0.0.1:7001".parse().unwrap(), guest: 7379 };
        let http = Forward { host: "127.0.0.1:7002".parse().unwrap(), guest: 8080 };
        let command = command(Path::new("passt"), 5, &Forwards { resp, http: Some(http) });
        assert_eq!(
            process::show(&command),
            "passt -f -q -F 5 -a 10.0.2.15 -n 255.255.255.0 -g 10.0.2.2 -t 127.0.0.1/7001:7379 \
             -t 127.0.0.1/7002:8080"
        );
    }
}

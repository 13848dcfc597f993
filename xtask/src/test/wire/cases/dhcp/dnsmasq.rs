//! Tests dnsmasq as the DHCP server: the first lease, and a different lease after a restart of dnsmasq.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use runtime_config::ports;

use super::steps::routed;
use crate::process;
use crate::sys::{self, Bond};
use crate::test::tally::Skip;
use crate::test::wire::bed::Bed;
use crate::test::wire::boot::Boot;
use crate::test::wire::findings::Findings;
use crate::test::wire::server::patient;
use crate::test::wire::topology::DEVICE;

/// The only address that dnsmasq can lease.
const LEASED: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 77);
/// Maximum time from the restart to the end of the next renewal. The image requests renewals every five
/// seconds.
const RENEWED: Duration = Duration::from_secs(12);

/// A dnsmasq process that ends when this value is dropped.
struct Dnsmasq(Child);

impl Dnsmasq {
    /// Starts dnsmasq on the device, with this router in its leases. dnsmasq stores its leases in a file.
    fn start(folder: &std::path::Path, router: &str) -> anyhow::Result<Self> {
        let mut command = Command::new("dnsmasq");
        let words = format!(
            "--keep-in-foreground --port=0 --interface={DEVICE} --bind-interfaces --conf-file=/dev/null \
             --user=root --pid-file= --log-facility=- --no-ping --dhcp-range={LEASED},{LEASED},255.255.255.0,2m \
             --dhcp-option=3,{router} --dhcp-option=option:T1,5 --dhcp-option=option:T2,60 --dhcp-authoritative"
        );
        command.args(words.split_whitespace());
        command.arg(format!("--dhcp-leasefile={}", folder.join("leases").display()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        sys::bind(&mut command, Bond::Own, &[]);
        Ok(Self(command.spawn().context("dnsmasq")?))
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Tests a lease, and then a renewal with another router.
pub(crate) fn run(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    if process::find("dnsmasq").is_none() {
        return Err(Skip("dnsmasq is not installed").into());
    }
    let folder: PathBuf = bed.programs.workspace.path("target/run/test-wire-dnsmasq");
    std::fs::create_dir_all(&folder)?;
    let _ = std::fs::remove_file(folder.join("leases"));
    bed.serve("dnsmasq", &Boot::plain().address(""), findings, |server, findings| {
        let first = Dnsmasq::start(&folder, "10.0.2.3")?;
        let at = SocketAddrV4::new(LEASED, ports::RESP);
        let served = patient(&bed.near, at).map(|_| "served");
        findings.expect("a lease of dnsmasq is taken", served);
        drop(first);
        let _second = Dnsmasq::start(&folder, "10.0.2.4")?;
        thread::sleep(RENEWED);
        let outcome = routed(bed, LEASED, Ipv4Addr::new(10, 0, 2, 4));
        findings.expect("a renewal of dnsmasq with another router is taken", outcome);
        let runs = server.runs()?;
        findings.judge("the server runs", runs, "");
        Ok(())
    });
    Ok(())
}

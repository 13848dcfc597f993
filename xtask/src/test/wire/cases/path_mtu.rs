//! Tests a link with a small MTU on the path to a client (RFC 1191, RFC 4821, RFC 8899).

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::resp::{Client, Reply};
use crate::test::wire::bed::Bed;
use crate::test::wire::boot::Boot;
use crate::test::wire::dial::Dial;
use crate::test::wire::findings::Findings;
use crate::test::wire::namespace::Namespace;
use crate::test::wire::routed::join;
use crate::test::wire::topology::{self, GUEST};

/// Maximum time from the first byte to the last. The documented time is 2 s; a busy host needs more.
const LIMIT: Duration = Duration::from_secs(5);
/// The same for Linux. Without ICMP, Linux finds a smaller MTU of the path by timeouts that double.
const LINUX_LIMIT: Duration = Duration::from_secs(20);
const MIB: usize = 1 << 20;
const SMALL: usize = 16 << 10;

/// Tests every MTU, with and without ICMP messages.
pub(super) fn run(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    for mtu in [1500, 1450, 1280, 576] {
        for has_icmp in [true, false] {
            let how = if has_icmp { "" } else { ", ICMP filtered" };
            let claim = format!("MTU {mtu}{how}");
            bed.serve(&claim, &Boot::plain(), findings, |server, findings| {
                let mut near = Dial::PLAIN.client(&bed.near, topology::resp())?;
                // The value is set from the near network: a packet of the client would reveal the MTU of the
                // path to the server.
                near.call(&[b"SET".as_slice(), b"small", &vec![b'x'; SMALL]])?;
                near.call(&[b"SET".as_slice(), b"large", &vec![b'y'; MIB]])?;
                let path = RoutedPath::new(bed, mtu, has_icmp)?;
                findings.expect(&format!("{claim}: GET of 16 KiB"), path.get("small", SMALL));
                findings.expect(&format!("{claim}: GET of 1 MiB"), path.get("large", MIB));
                if server.is_image() {
                    findings.expect(&format!("{claim}: /metrics"), path.metrics());
                }
                findings.expect(&format!("{claim}: SET of 1 MiB"), path.set());
                path.clear(bed)
            });
        }
    }
    Ok(())
}

/// The path: the server, a first router, the link with a small MTU, a second router, and the client.
struct RoutedPath {
    client: Namespace,
    _router: Namespace,
    is_filtered: bool,
    limit: Duration,
}

impl RoutedPath {
    fn new(bed: &Bed<'_>, mtu: u32, has_icmp: bool) -> anyhow::Result<Self> {
        let (router, client) = (Namespace::new()?, Namespace::new()?);
        join(&bed.near, "m0", "10.8.0.1/24", &router, "10.8.0.2/24")?;
        bed.near.ip(&format!("link set m0 mtu {mtu}"))?;
        router.ip(&format!("link set e0 mtu {mtu}"))?;
        join(&router, "c0", "10.9.0.1/24", &client, "10.9.0.2/24")?;
        bed.near.ip("route add 10.9.0.0/24 via 10.8.0.2")?;
        router.ip("route add default via 10.8.0.1")?;
        client.ip("route add default via 10.9.0.1")?;
        bed.near.set("ip_forward", "1")?;
        router.set("ip_forward", "1")?;
        if !has_icmp {
            bed.near.ip(&format!("rule add iif lo ipproto icmp to {GUEST} blackhole"))?;
        }
        let limit = if bed.is_control { LINUX_LIMIT } else { LIMIT };
        Ok(Self { client, _router: router, is_filtered: !has_icmp, limit })
    }

    fn clear(&self, bed: &Bed<'_>) -> anyhow::Result<()> {
        if self.is_filtered {
            bed.near.ip(&format!("rule del iif lo ipproto icmp to {GUEST} blackhole"))?;
        }
        bed.near.ip("link del m0")
    }

    fn client(&self) -> anyhow::Result<Client> {
        let dial = Dial::PLAIN.within(LINUX_LIMIT);
        dial.client(&self.client, topology::resp()).context("cannot connect")
    }

    /// Reads a value on a new connection.
    fn get(&self, key: &str, length: usize) -> anyhow::Result<String> {
        let mut client = self.client()?;
        let pong = client.call(&["PING"])?;
        ensure!(pong == Reply::Status("PONG".to_owned()), "{}", pong.terminal());
        let start = Instant::now();
        let reply = client.call(&["GET", key]);
        let took = start.elapsed();
        let reply = reply.with_context(|| format!("not within {took:.1?}"))?;
        ensure!(
            matches!(&reply, Reply::Bulk(Some(value)) if value.len() == length),
            "another value"
        );
        ensure!(took < self.limit, "after {took:.2?}");
        Ok(format!("after {took:.2?}"))
    }

    fn set(&self) -> anyhow::Result<String> {
        let mut client = self.client()?;
        let start = Instant::now();
        let reply = client.call(&[b"SET".as_slice(), b"other", &vec![b'z'; MIB]])?;
        let took = start.elapsed();
        ensure!(reply == Reply::Status("OK".to_owned()), "{}", reply.terminal());
        ensure!(took < self.limit, "after {took:.2?}");
        Ok(format!("after {took:.2?}"))
    }

    fn metrics(&self) -> anyhow::Result<String> {
        let dial = Dial::PLAIN.within(LINUX_LIMIT);
        let mut stream = dial.stream(&self.client, topology::http())?;
        let start = Instant::now();
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
        let mut text = Vec::new();
        let read = stream.read_to_end(&mut text);
        let (took, length) = (start.elapsed(), text.len());
        read.with_context(|| format!("{length} bytes within {took:.1?}"))?;
        ensure!(took < self.limit, "{length} bytes after {took:.2?}");
        Ok(format!("{length} bytes after {took:.2?}"))
    }
}

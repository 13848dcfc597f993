//! Runs haproxy with its documented check for Redis: a server is up if `INFO replication` contains
//! `role:master`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::context::LibraryContext;
use super::install;
use super::monitor::Daemon;
use crate::network;
use crate::process;
use crate::resp::{Client, Reply};

/// Maximum time until the first checks. They run every 200 ms.
const LIMIT: Duration = Duration::from_secs(30);
/// The pause between two reads of haproxy's report.
const LOOK: Duration = Duration::from_millis(100);

/// Runs haproxy until it reports the image as up, and connects to the image through it.
pub(super) fn run(context: &LibraryContext<'_>) -> anyhow::Result<()> {
    let haproxy = install::program("haproxy", "haproxy")?;
    let folder = context.target("haproxy");
    std::fs::create_dir_all(&folder)?;
    let front = network::free_port(0)?;
    let (config, stats) = (folder.join("haproxy.cfg"), network::free_port(0)?);
    std::fs::write(&config, configuration(context.subject.address(), front, stats))?;
    let mut command = Command::new(haproxy);
    command.arg("-db").arg("-f").arg(&config).current_dir(&folder);
    let _haproxy = Daemon::start(command, &folder, "haproxy.log")?;
    let deadline = Instant::now() + LIMIT;
    loop {
        let row = status(stats).unwrap_or_else(|error| format!("{error:#}"));
        // `L7OK` means that the last check has found the expected text.
        if row.contains(",UP,") && row.contains("L7OK,") {
            break;
        }
        ensure!(Instant::now() < deadline, "haproxy does not say UP: {row}");
        std::thread::sleep(LOOK);
    }
    let mut client = Client::connect(front).context("through haproxy")?;
    let reply = client.call(&["SET", "k", "v"])?;
    ensure!(reply == Reply::Status("OK".to_owned()), "SET: {}", reply.terminal());
    let reply = client.call(&["DEL", "k"])?;
    ensure!(reply == Reply::Integer(1), "DEL: {}", reply.terminal());
    process::announce("", "haproxy says that the server is UP");
    Ok(())
}

fn configuration(image: SocketAddr, front: SocketAddr, stats: SocketAddr) -> String {
    format!(
        "global\n  stats socket {stats} level user\n\
         defaults\n  mode tcp\n  timeout connect 5s\n  timeout check 5s\n  timeout client 1m\n  timeout server 1m\n\
         listen redis\n  bind {front}\n  option tcp-check\n  tcp-check connect\n\
         \x20 tcp-check send PING\\r\\n\n  tcp-check expect string +PONG\n\
         \x20 tcp-check send info\\ replication\\r\\n\n  tcp-check expect string role:master\n\
         \x20 tcp-check send QUIT\\r\\n\n  tcp-check expect string +OK\n\
         \x20 server image {image} check inter 200ms\n"
    )
}

/// Returns the line about the image in haproxy's own report.
fn status(stats: SocketAddr) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(stats).context("haproxy's report")?;
    stream.write_all(b"show stat\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let row = text.lines().find(|line| line.starts_with("redis,image,"));
    row.map(str::to_owned).with_context(|| text.clone())
}

//! Debian's Redis on the Linux of this host, in a network namespace of its own. It is tested in place of the
//! image: a case is valid if a network stack that is known to be correct passes it.

use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use anyhow::Context;

use super::boot::{Boot, UNCUT, word_of};
use super::namespace::Namespace;
use super::topology::{self, DEVICE, GUEST, HOST};
use crate::linux;
use crate::redis::Redis;
use crate::test::tally::Skip;
use crate::workspace::Workspace;

/// Options of Redis that set the same limits as those of the image.
const OPTIONS: &[&str] =
    &["--maxclients", "512", "--protected-mode", "no", "--proto-max-bulk-len", "16777216"];

/// Redis in a network namespace of its own. Both end when this value is dropped.
#[derive(Debug)]
pub(super) struct Control {
    thread: Option<JoinHandle<()>>,
    end: Option<Sender<()>>,
}

impl Control {
    /// Creates the device of the near network, and starts Redis behind it.
    pub(super) fn start(
        workspace: &Workspace,
        near: &Namespace,
        boot: &Boot,
    ) -> anyhow::Result<Self> {
        let program = linux::redis_server().map_err(|_| Skip("redis-server is not installed"))?;
        let far = Namespace::new()?;
        let mac = "52:54:00:12:34:56";
        near.ip(&format!(
            "link add {} type veth peer name eth0 address {mac} netns {}",
            DEVICE,
            far.path()
        ))?;
        far.ip(&format!("addr add {}/24 dev eth0", GUEST))?;
        if boot.card.contains(UNCUT) {
            far.ip("link set eth0 gso_max_segs 1")?;
        }
        // The setting for a server whose clients may be behind filters that drop ICMP messages (RFC 4821).
        far.set("tcp_mtu_probing", "1")?;
        far.ip("link set eth0 up")?;
        near.ip(&format!("link set {} up", DEVICE))?;
        far.ip(&format!("route add default via {}", HOST))?;
        let mut options: Vec<String> = OPTIONS.iter().map(|&word| word.to_owned()).collect();
        if let Some(password) = word_of(boot.line, "requirepass=") {
            options.extend(["--requirepass".to_owned(), password.to_owned()]);
        }
        let (end, ended) = mpsc::channel();
        let (started, start) = mpsc::channel();
        let workspace = workspace.clone();
        let run = move || {
            let options: Vec<_> = options.iter().map(String::as_str).collect();
            let begin = || {
                far.enter()?;
                let address = SocketAddr::V4(topology::resp());
                Redis::start_at(&workspace, "test-wire-redis", &program, address, &options)
            };
            serve(begin(), &started, &ended);
        };
        let thread = std::thread::spawn(run);
        let control = Self { thread: Some(thread), end: Some(end) };
        start.recv().context("the thread of Redis ended")??;
        Ok(control)
    }
}

/// Keeps the thread alive that has started Redis until the sender is dropped. Redis ends with this thread.
fn serve(redis: anyhow::Result<Redis>, started: &Sender<anyhow::Result<()>>, ended: &Receiver<()>) {
    match redis {
        Ok(redis) => {
            let _ = started.send(Ok(()));
            let _ = ended.recv();
            drop(redis);
        }
        Err(error) => {
            let _ = started.send(Err(error));
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

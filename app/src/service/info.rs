//! `INFO` and `DBSIZE`: what stock clients and their monitors ask.

use core::fmt::Write;

use vmalloc::Machine;

use super::Service;
use super::call::Call;
use super::failure::Failure;
use super::session::REDIS_VERSION;
use crate::resp::Reply;

/// `DBSIZE`: regions with a name.
pub(super) fn dbsize<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    call.reply.integer(call.service.names.count() as u64);
    Ok(())
}

/// `INFO [section …]`: Redis' fields that clients look at, then every counter by its section.
pub(super) fn info<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let sections = call.arguments;
    let wanted = |section: &str| {
        let all = |word: &[u8]| {
            ["all", "default", "everything", section]
                .iter()
                .any(|name| word.eq_ignore_ascii_case(name.as_bytes()))
        };
        sections.count() == 1 || sections.iter().skip(1).any(all)
    };
    let service = &*call.service;
    call.reply.text_by(|reply| {
        for (section, write) in REDIS_SECTIONS {
            if wanted(section) {
                let _ = write!(reply, "# {section}\r\n");
                write(&service.facts(), reply);
                reply.raw(b"\r\n");
            }
        }
        service.write_counters(wanted, reply);
    });
    Ok(())
}

/// What Redis' own sections are written from.
struct Facts {
    port: u16,
    uptime_s: u64,
    clients: u64,
    clients_max: usize,
    memory_used: u64,
    memory_total: u64,
    connections: u64,
    connections_refused: u64,
    commands: u64,
    names: usize,
    leases: usize,
}

type Section = (&'static str, fn(&Facts, &mut Reply<'_>));

const REDIS_SECTIONS: [Section; 6] = [
    ("Server", |facts, reply| {
        line(reply, "redis_version", REDIS_VERSION);
        line(reply, "redis_mode", "standalone");
        line(reply, "vmalloc_version", env!("CARGO_PKG_VERSION"));
        line(reply, "arch_bits", 64);
        line(reply, "tcp_port", facts.port);
        line(reply, "uptime_in_seconds", facts.uptime_s);
    }),
    ("Clients", |facts, reply| {
        line(reply, "connected_clients", facts.clients);
        line(reply, "maxclients", facts.clients_max);
        line(reply, "blocked_clients", 0);
    }),
    ("Memory", |facts, reply| {
        line(reply, "used_memory", facts.memory_used);
        line(reply, "total_system_memory", facts.memory_total);
    }),
    ("Persistence", |_, reply| {
        line(reply, "loading", 0);
        line(reply, "rdb_bgsave_in_progress", 0);
        line(reply, "aof_rewrite_in_progress", 0);
    }),
    ("Stats", |facts, reply| {
        line(reply, "total_connections_received", facts.connections);
        line(reply, "rejected_connections", facts.connections_refused);
        line(reply, "total_commands_processed", facts.commands);
    }),
    ("Keyspace", |facts, reply| {
        if facts.names > 0 {
            let (keys, expires) = (facts.names, facts.leases);
            let _ = write!(reply, "db0:keys={keys},expires={expires},avg_ttl=0\r\n");
        }
    }),
];

fn line(reply: &mut Reply<'_>, name: &str, value: impl core::fmt::Display) {
    // Writing to a reply cannot fail.
    let _ = write!(reply, "{name}:{value}\r\n");
}

impl<M: Machine> Service<M> {
    fn facts(&self) -> Facts {
        let stats = self.vm.stats();
        Facts {
            port: self.config.resp_port,
            uptime_s: self.now_us / 1_000_000,
            clients: self.counters.clients,
            clients_max: self.config.clients,
            memory_used: stats.frames_used() * vmalloc::PAGE_BYTES,
            memory_total: stats.frames_total * vmalloc::PAGE_BYTES,
            connections: self.counters.connections,
            connections_refused: self.counters.connections_refused,
            commands: self.counters.commands,
            names: self.names.count(),
            leases: self.ledger.leases().min(self.names.count()),
        }
    }

    /// Every counter, each section under a heading with a capital.
    fn write_counters(&self, wanted: impl Fn(&str) -> bool, reply: &mut Reply<'_>) {
        let mut last = "";
        self.for_each_row(&mut |row| {
            if !wanted(row.section) {
                return;
            }
            if row.section != last {
                let (first, rest) = row.section.split_at(1);
                let separator = if last.is_empty() { "" } else { "\r\n" };
                let _ = write!(reply, "{separator}# ");
                reply.raw(&[first.as_bytes()[0].to_ascii_uppercase()]);
                let _ = write!(reply, "{rest}\r\n");
                last = row.section;
            }
            line(reply, row.name, row.value);
        });
    }
}

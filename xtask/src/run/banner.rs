//! Prints the summary of a guest that has answered.

use std::time::Duration;

use crate::cli::RunOptions;
use crate::guest::Guest;
use crate::workspace::Workspace;
use crate::{accel, network, process};

/// Prints the banner. Its last line is the command that ends the guest.
pub(super) fn print(
    workspace: &Workspace,
    options: &RunOptions,
    guest: &Guest,
    pong: Duration,
    accel: &accel::AccelChoice,
    network: &network::NetworkChoice,
) {
    let instance = guest.instance();
    let named = if options.name == "default" { "" } else { &format!(" --name {}", options.name) };
    println!("\nvmalloc is up: PONG after {:.2} s", pong.as_secs_f64());
    if let Some(note) = options.machine.runtime.note() {
        row("runtime", note);
    }
    row("accel", &format!("{}: {}", accel.accel, accel.why));
    row("network", &format!("{}: {}", network.network, network.why));
    row("RESP", &guest.plan().host.to_string());
    if let Some(http) = guest.plan().http {
        row("HTTP", &format!("curl http://{0}/, or http://{0}/ in a browser", http.host));
    }
    row("files", &format!("{}: serial.log qemu.cmd ports.json", workspace.show(instance.folder())));
    for line in std::fs::read_to_string(instance.path("qemu.cmd")).unwrap_or_default().lines() {
        row("", line);
    }
    for (index, command) in examples(guest.plan().host.port(), named).iter().enumerate() {
        row(if index == 0 { "try" } else { "" }, command);
    }
    let key = if options.detach { "" } else { "Ctrl-C, or " };
    row("stop", &format!("{key}cargo xtask stop{named}"));
}

fn row(label: &str, text: &str) {
    println!("{label:>10}  {text}");
}

fn examples(port: u16, named: &str) -> [String; 3] {
    let (client, raw) = match process::find("redis-cli") {
        Some(_) => (format!("redis-cli -p {port}"), format!("redis-cli -p {port} --raw")),
        None => (format!("cargo xtask query{named}"), format!("cargo xtask query{named} --raw")),
    };
    [
        format!("{client} VZALLOC 10000 NAME buf"),
        format!("{client} VINFO @buf"),
        format!("{raw} VMALLOCINFO"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_three_commands_to_try() {
        for command in examples(7001, " --name b") {
            assert!(command.starts_with("redis-cli -p 7001") || command.contains("--name b"));
        }
    }
}

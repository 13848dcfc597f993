//! The loop in which the BSP serves clients.

#![expect(unsafe_code, reason = "no flush waits for a CPU that sleeps")]

mod buffers;
pub(crate) mod mailbox;

use alloc::boxed::Box;

use runtime_config::cmdline::Config;
use vmalloc::PAGE_BYTES;

use crate::device::rtc;
use crate::device::virtio::nic::VirtioNic;
use crate::hardware::cpu::{clock, idle, random};
use crate::hardware::exit::refuse;
use crate::hardware::machine::{PcMachine, Window};
use crate::server::{self, Server, Turn};

use buffers::WindowBuffers;

type ImageServer = Server<VirtioNic, PcMachine, WindowBuffers>;

/// Serves clients until one requests a shutdown. Executes turns of the server while there is work, and sleeps
/// otherwise. Returns when the machine must be powered off.
///
/// # Context
///
/// With interrupts off. Interrupts are on only during a sleep.
pub(crate) fn run(vm: &'static Window, config: &Config) {
    let mut server = set_up(vm, config);
    log::info!(target: "boot", "serving after {} us", clock::now_us());
    loop {
        let now_us = clock::now_us();
        match server.turn(now_us) {
            Turn::Busy => {}
            Turn::Off => return,
            Turn::Idle { wake_us } => {
                let sleep_us = wake_us.map(|wake_us| wake_us.saturating_sub(now_us));
                // SAFETY: the sleep and the interrupt handlers access only the stack, the heap and the rings of the
                // device, which always stay mapped. Threads are not moved to another CPU.
                unsafe { vm.enter_idle() };
                idle::sleep(sleep_us, || server.stack().pending());
                vm.leave_idle();
            }
        }
    }
}

/// Initializes the network device, and creates the server with all buffers of clients. The function is not inlined and
/// returns a box, so that the 20 KiB of stack that it uses are free again before the loop begins.
#[inline(never)]
fn set_up(vm: &'static Window, config: &Config) -> Box<ImageServer> {
    let nic = VirtioNic::try_new().unwrap_or_else(|error| refuse(error));
    log::info!(target: "net", "{nic:?}");
    if config.http_port == config.resp_port {
        log::warn!(target: "net", "resp and http are the same port, no reports are served");
    }
    let clients = server::clients_for(config, vm.stats().frames_total * PAGE_BYTES);
    if clients < config.clients {
        log::info!(target: "net", "memory for {clients} clients, not {}", config.clients);
    }
    let config = &Config { clients, ..*config };
    let server = Server::new(nic, vm, WindowBuffers, config, random::seed());
    let server = server.unwrap_or_else(|error| refuse(error)).with_clock(clock::now_us);
    let booted_at = rtc::unix_seconds().map(|now| now - clock::now_us() / 1_000_000);
    let server = server.booted_at(booted_at);
    // On a machine without running APs, work is not offloaded, because it would never be done.
    Box::new(if mailbox::is_any_open() {
        server.with_crew(mailbox::run_on_all).with_submit(mailbox::submit_to_any)
    } else {
        server
    })
}

//! `cargo xtask bench boot`: the time from the start of QEMU to the first PONG.

use std::process::ExitCode;

use anyhow::Context;
use runtime_config::ports;

use super::figures::median;
use super::image::{self, Setting};
use super::rows::{self, ReportRow};
use crate::accel::Accel;
use crate::cli::BenchBootOptions;
use crate::guest::GuestPlan;
use crate::linux::Linux;
use crate::load_average;
use crate::process;
use crate::qemu::Memory;
use crate::runtime::Runtime;
use crate::workspace::Workspace;

/// Number of boots of the image for each boot of Linux. Linux takes much longer to boot.
const BOOTS_PER_PEER: u32 = 4;
/// The TCP port of Redis in the Linux guest.
const REDIS: u16 = 6379;

/// Runs `cargo xtask bench boot`.
pub(super) fn boot(workspace: &Workspace, options: &BenchBootOptions) -> anyhow::Result<ExitCode> {
    let linux = Linux::ensure(workspace)?;
    let (runtime, memory) = (Runtime::Bare, Memory::of_mebibytes(512));
    let setting = Setting { runtime, memory, cpus: 2, accel: Accel::Tcg, append: "" };
    let ours = image::plan(workspace, &setting)?;
    let (files, line) = linux.redis(ports::GUEST_ADDRESS.into())?;
    let peer = GuestPlan {
        image: linux.kernel(),
        initrd: Some(files),
        append: line,
        guest_port: REDIS,
        ..ours.clone()
    };
    let what = format!("{} boots, load {}", options.boots, load_average::read());
    process::announce("Measure", &what);
    let (mut ours_ms, mut peer_ms) = (Vec::new(), Vec::new());
    for number in 0..options.boots {
        ours_ms.push(ms(workspace, &ours)?);
        if number % BOOTS_PER_PEER == 0 {
            peer_ms.push(ms(workspace, &peer)?);
        }
    }
    println!(
        "{}, 2 CPUs, QEMU's user network; load {} at the end; boots {} and {}",
        image::firmware_name(&ours),
        load_average::read(),
        ours_ms.len(),
        peer_ms.len()
    );
    let (ours, peer) = (median(ours_ms).context("no boot")?, median(peer_ms));
    let rows =
        [ReportRow::cost("start of QEMU to the first PONG, median".to_owned(), "ms", ours, peer)];
    rows::print(&rows, "Linux with Redis");
    if let Some(path) = &options.json {
        rows::write(&rows, path)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn ms(workspace: &Workspace, plan: &GuestPlan) -> anyhow::Result<f64> {
    let (_guest, after) = image::boot(workspace, plan.clone())?;
    Ok(after.as_secs_f64() * 1e3)
}

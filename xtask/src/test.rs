//! `cargo xtask test`: every check, layer by layer.
//!
//! The last line is `N passed, N failed, N skipped`. A layer without a test has failed: a pattern
//! that matches nothing must not look like success. Where `CI` is set a skipped test has failed.

mod image;
mod libtest;
mod lints;
mod suites;
pub(crate) mod tally;
mod tcp;

use std::process::ExitCode;
use std::time::Instant;

use clap::ValueEnum;

use crate::cli::{LayerName, TestOptions};
use crate::load;
use crate::process;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

use tally::Tally;

/// Runs the verb.
pub(crate) fn test(workspace: &Workspace, options: &TestOptions) -> anyhow::Result<ExitCode> {
    if let Some(minutes) = options.soak {
        return load::soak(workspace, minutes);
    }
    let layers = match &options.layers[..] {
        [] if options.all => LayerName::value_variants().to_vec(),
        [] => LayerName::value_variants().iter().copied().filter(is_short).collect(),
        named => named.to_vec(),
    };
    let toolchain = Toolchain::ensure(workspace)?;
    let mut rows = Vec::new();
    for layer in layers {
        process::announce("Test", &format!("{} ({})", name(layer), about(layer)));
        let start = Instant::now();
        let tally = run_layer(workspace, &toolchain, layer, &options.filter, options.all);
        eprint!("{}", tally.transcript);
        for failure in &tally.failures {
            eprintln!("    FAILED  {}: {failure}", name(layer));
        }
        for skip in &tally.skips {
            eprintln!("   skipped  {}: {skip}", name(layer));
        }
        rows.push((layer, tally, start.elapsed()));
    }
    println!("\n{:>10}  {:>7} {:>7} {:>7} {:>7}", "layer", "passed", "failed", "skipped", "time");
    let mut sum = Tally::default();
    for (layer, tally, time) in rows {
        let (passed, failed, skipped) = tally.counts();
        let seconds = time.as_secs();
        println!("{:>10}  {passed:>7} {failed:>7} {skipped:>7} {seconds:>5} s", name(layer));
        sum.add(tally);
    }
    let (passed, failed, skipped) = sum.counts();
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    let strict = std::env::var_os("CI").is_some();
    let good = failed == 0 && (skipped == 0 || !strict);
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs one layer; what keeps it from running is its failure.
pub(crate) fn run_layer(
    workspace: &Workspace,
    toolchain: &Toolchain,
    layer: LayerName,
    filter: &str,
    all: bool,
) -> Tally {
    let result = match layer {
        LayerName::Lints => lints::run(workspace, toolchain),
        LayerName::Unit => suites::unit(workspace, filter),
        LayerName::Model => suites::model(workspace, filter),
        LayerName::Loom => suites::loom(workspace, filter),
        LayerName::Loopback => suites::loopback(workspace),
        LayerName::Image => image::run(workspace, toolchain, all),
        LayerName::Tcp => tcp::run(workspace, toolchain, filter),
        LayerName::Differential => tcp::differential::run(workspace, toolchain, filter),
        LayerName::Clients => tcp::libraries::run(workspace, toolchain, filter),
        LayerName::Boots => tcp::boots::run(workspace, toolchain),
        LayerName::Browser => tcp::browser::run(workspace, toolchain),
    };
    let tally = result.unwrap_or_else(|error| Tally::failure(format!("{error:#}")));
    if tally.is_empty() { Tally::failure("no test ran".to_owned()) } else { tally }
}

/// Builds what a layer runs, so that a compile error is told from a failed test.
pub(crate) fn prepare_layer(
    workspace: &Workspace,
    toolchain: &Toolchain,
    layer: LayerName,
    filter: &str,
) -> anyhow::Result<()> {
    match layer {
        LayerName::Lints => Ok(()),
        LayerName::Unit | LayerName::Model | LayerName::Loom | LayerName::Loopback => {
            suites::compile(workspace, layer, filter)
        }
        LayerName::Image => image::compile(workspace, toolchain).map(|_| ()),
        LayerName::Tcp
        | LayerName::Differential
        | LayerName::Clients
        | LayerName::Boots
        | LayerName::Browser => tcp::compile(workspace, toolchain).map(|_| ()),
    }
}

/// Whether a layer runs without being asked for.
fn is_short(layer: &LayerName) -> bool {
    !matches!(
        layer,
        LayerName::Differential | LayerName::Clients | LayerName::Boots | LayerName::Browser
    )
}

/// The word of a layer on the command line.
pub(crate) fn name(layer: LayerName) -> String {
    layer.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn about(layer: LayerName) -> &'static str {
    match layer {
        LayerName::Lints => "format, clippy and rustdoc; about a minute",
        LayerName::Unit => "unit and documentation tests; about a minute",
        LayerName::Model => "the library on a simulated machine; some minutes",
        LayerName::Loom => "the lock-free parts in every order; about a minute",
        LayerName::Loopback => "the service without QEMU; about a minute",
        LayerName::Image => "the image's own tests in QEMU; about a minute",
        LayerName::Tcp => "the image as clients see it; some minutes",
        LayerName::Differential => {
            "the replies of Redis and of the image, byte by byte; about a minute"
        }
        LayerName::Clients => "client libraries from their registries; some minutes",
        LayerName::Boots => "50 boots in a row; about a minute",
        LayerName::Browser => "the page in a browser; some seconds",
    }
}

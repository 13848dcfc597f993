//! `cargo xtask test`: runs all checks, in layers.
//!
//! The last line of the output is `N passed, N failed, N skipped`. A layer that runs no test fails, because a
//! filter that matches no test must not look like success. If the variable `CI` is set, a skipped test counts
//! as failed.

mod bed;
mod documents;
mod files;
mod hermit;
mod image;
mod invariants;
mod language;
mod layers;
mod libtest;
mod lints;
mod package;
mod pattern;
mod programs;
mod reports;
mod soundness;
mod suites;
pub(crate) mod tally;
mod tcp;
mod wire;

use std::process::ExitCode;
use std::time::Instant;

use clap::ValueEnum;

use crate::build::Image;
use crate::cli::{LayerName, TestOptions};
use crate::exit::{self, Cause};
use crate::load;
use crate::process;
use crate::runtime::Runtime;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

use tally::Tally;

pub(crate) use bed::TestBed;

/// Runs `cargo xtask test`.
pub(crate) fn test(workspace: &Workspace, options: &TestOptions) -> anyhow::Result<ExitCode> {
    if let Some(minutes) = options.soak {
        return load::soak(workspace, options.runtime, minutes);
    }
    let layers = layers(options)?;
    let toolchain = Toolchain::ensure(workspace)?;
    let (runtime, cpus) = (options.runtime, options.smp);
    let bed = TestBed { workspace, toolchain: &toolchain, runtime, cpus, wire: options.wire };
    let mut rows = Vec::new();
    for layer in layers {
        process::announce("Test", &format!("{} ({})", name(layer), about(layer)));
        let start = Instant::now();
        let tally = run_layer(&bed, layer, &options.filter, options.all);
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

/// Runs one layer. If the layer cannot run, that counts as a failed test.
pub(crate) fn run_layer(bed: &TestBed<'_>, layer: LayerName, filter: &str, all: bool) -> Tally {
    let workspace = bed.workspace;
    let result = match layer {
        LayerName::Lints => lints::run(workspace, bed.toolchain, filter),
        LayerName::Unit => suites::unit(workspace, filter),
        LayerName::Model => suites::model(workspace, filter),
        LayerName::Loom => suites::loom(workspace, filter),
        LayerName::Loopback => suites::loopback(workspace),
        LayerName::Image => image::run(bed, all),
        LayerName::Tcp => tcp::run(bed, filter),
        LayerName::Hermit => hermit::run(bed, filter, all),
        LayerName::Wire => wire::run(bed, filter),
        LayerName::Differential => tcp::differential::run(bed, filter),
        LayerName::Clients => tcp::libraries::run(bed, filter),
        LayerName::Boots => tcp::boots::run(bed),
        LayerName::Browser => tcp::browser::run(bed),
        LayerName::Package => package::run(workspace),
    };
    let tally = result.unwrap_or_else(|error| Tally::failure(format!("{error:#}")));
    if tally.is_empty() { Tally::failure("no test ran".to_owned()) } else { tally }
}

/// Builds the programs of a layer in advance, so that a compile error is not reported as a failed test.
pub(crate) fn prepare_layer(
    bed: &TestBed<'_>,
    layer: LayerName,
    filter: &str,
) -> anyhow::Result<()> {
    match layer {
        LayerName::Lints | LayerName::Package => Ok(()),
        LayerName::Unit | LayerName::Model | LayerName::Loom | LayerName::Loopback => {
            suites::compile(bed.workspace, layer, filter)
        }
        LayerName::Image => bed.compile(Image::SelfTest).map(|_| ()),
        LayerName::Tcp
        | LayerName::Hermit
        | LayerName::Wire
        | LayerName::Differential
        | LayerName::Clients
        | LayerName::Boots
        | LayerName::Browser => bed.compile(Image::Service).map(|_| ()),
    }
}

/// Returns the layers to run.
///
/// # Errors
/// The user has chosen a runtime, and a layer that does not depend on the runtime.
fn layers(options: &TestOptions) -> anyhow::Result<Vec<LayerName>> {
    let chosen = options.runtime != Runtime::default();
    if let Some(&other) = options.layers.iter().find(|layer| chosen && !boots_image(layer)) {
        let message = format!("--runtime: the layer {} boots no image", name(other));
        return Err(exit::failure(Cause::Usage, message));
    }
    if !options.layers.is_empty() {
        return Ok(options.layers.clone());
    }
    let is_wanted = |layer: &LayerName| {
        (options.all || is_short(layer))
            // The layer `hermit` runs parts of other layers, which this run includes for the chosen runtime.
            && (!chosen || boots_image(layer) && *layer != LayerName::Hermit)
    };
    Ok(LayerName::value_variants().iter().copied().filter(is_wanted).collect())
}

/// Returns whether a layer boots images, and so depends on the runtime.
fn boots_image(layer: &LayerName) -> bool {
    !matches!(
        layer,
        LayerName::Lints
            | LayerName::Unit
            | LayerName::Model
            | LayerName::Loom
            | LayerName::Loopback
            | LayerName::Package
    )
}

/// Returns whether a layer runs without `--all`.
fn is_short(layer: &LayerName) -> bool {
    !matches!(
        layer,
        LayerName::Wire
            | LayerName::Differential
            | LayerName::Clients
            | LayerName::Boots
            | LayerName::Browser
            | LayerName::Package
    )
}

/// Returns the name of a layer on the command line.
pub(crate) fn name(layer: LayerName) -> String {
    layer.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn about(layer: LayerName) -> &'static str {
    match layer {
        LayerName::Lints => "structure, language, format, clippy and rustdoc; about a minute",
        LayerName::Unit => "unit and documentation tests; about a minute",
        LayerName::Model => "the library on a simulated machine; some minutes",
        LayerName::Loom => "the lock-free parts in every order; about a minute",
        LayerName::Loopback => "the service without QEMU; about a minute",
        LayerName::Image => "the image's own tests in QEMU; about a minute",
        LayerName::Tcp => "the image as clients see it; some minutes",
        LayerName::Hermit => {
            "the image on the Hermit kernel; some seconds, with --all some minutes"
        }
        LayerName::Wire => "routers, losses, floods and forged packets; some minutes",
        LayerName::Differential => {
            "the replies of Redis and of the image, byte by byte; about a minute"
        }
        LayerName::Clients => "client libraries from their registries; some minutes",
        LayerName::Boots => "50 boots in a row; about a minute",
        LayerName::Browser => "the page in a browser; some seconds",
        LayerName::Package => "the packaged library and its tests; about two minutes",
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Verb};

    fn chosen(line: &str) -> anyhow::Result<String> {
        let words = ["xtask", "test"].into_iter().chain(line.split_whitespace());
        let Verb::Test(options) = Cli::parse_from(words).verb else { panic!("not a test") };
        Ok(layers(&options)?.into_iter().map(name).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_runtime_selects_the_layers_that_boot_an_image() {
        let short = "lints unit model loom loopback image tcp hermit";
        assert_eq!(chosen("").unwrap(), short);
        let all = format!("{short} wire differential clients boots browser package");
        assert_eq!(chosen("--all").unwrap(), all);
        assert_eq!(chosen("--runtime hermit").unwrap(), "image tcp");
        let all = "image tcp wire differential clients boots browser";
        assert_eq!(chosen("--runtime hermit --all").unwrap(), all);
        assert_eq!(chosen("tcp --runtime hermit").unwrap(), "tcp");
        let error = chosen("unit --runtime hermit").unwrap_err();
        assert_eq!(exit::cause_of(&error), Some(Cause::Usage));
        assert!(error.to_string().contains("unit"), "{error}");
    }
}

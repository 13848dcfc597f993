//! `cargo xtask mutate`: applies known faults to a copy of the workspace, one at a time.
//!
//! Each patch in `vmalloc/mutations/` is one fault. Its header names the test layer that must detect the
//! fault, the test in that layer (`# test: model resize::a_shrink`), and the reason why the fault matters (`#
//! why: …`). The command fails if no test detects a fault, if a patch does not apply, or if it does not
//! compile: in all these cases the run does not show that the tests detect faults.

mod copy;
mod patch;

use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::cli::{LayerName, MutateOptions, WireOptions};
use crate::file_lock;
use crate::process;
use crate::runtime::Runtime;
use crate::test::{self, TestBed};
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

use patch::Patch;

/// Runs `cargo xtask mutate`.
pub(crate) fn mutate(workspace: &Workspace, options: &MutateOptions) -> anyhow::Result<ExitCode> {
    let patches = patch::load(&workspace.path("vmalloc/mutations"), &options.patches)?;
    let toolchain = Toolchain::ensure(workspace)?;
    let copy = Workspace::at(&workspace.path("target/mutate/tree"));
    // Two calls in one tree would test each other's faults.
    let _lock = file_lock::wait(&workspace.path("target/mutate/lock"), "another `mutate`")?;
    check_baseline(workspace, &copy, &toolchain, &patches)?;
    let mut survivors = 0;
    for patch in &patches {
        process::announce("Mutate", &format!("{}: {}", patch.name, patch.why));
        let outcome = plant(workspace, &copy, &toolchain, patch);
        survivors += usize::from(outcome.is_err());
        match outcome {
            Ok(test) => {
                println!("caught    {}  by {}: {test}", patch.name, test::name(patch.layer))
            }
            Err(error) => println!("SURVIVED  {}: {error:#}", patch.name),
        }
    }
    println!("{} caught, {survivors} survived", patches.len() - survivors);
    Ok(if survivors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns the test bed for the layer of a patch, and the name of the layer in that test bed. The layer
/// `hermit` of a patch stands for the image's own tests on Hermit.
fn bed<'a>(
    tree: &'a Workspace,
    toolchain: &'a Toolchain,
    layer: LayerName,
) -> (TestBed<'a>, LayerName) {
    let (runtime, layer) = match layer {
        LayerName::Hermit => (Runtime::Hermit, LayerName::Image),
        other => (Runtime::Bare, other),
    };
    let wire = WireOptions::default();
    (TestBed { workspace: tree, toolchain, runtime, cpus: 1, wire }, layer)
}

/// Checks that the tests pass without a fault. Otherwise a failed test would not show that a fault was
/// detected.
fn check_baseline(
    workspace: &Workspace,
    tree: &Workspace,
    toolchain: &Toolchain,
    patches: &[Patch],
) -> anyhow::Result<()> {
    copy::refresh(workspace, tree)?;
    let mut layers: Vec<LayerName> = Vec::new();
    for patch in patches {
        if !layers.contains(&patch.layer) {
            layers.push(patch.layer);
        }
    }
    for layer in layers {
        let name = test::name(layer);
        process::announce("Baseline", &format!("{name}, without a fault"));
        let (bed, layer) = bed(tree, toolchain, layer);
        test::prepare_layer(&bed, layer, "")?;
        if let Some(failure) = test::run_layer(&bed, layer, "", false).failures.first() {
            bail!("{name} fails without a fault: {failure}");
        }
    }
    Ok(())
}

/// Applies a fault. Returns the test that detected it.
fn plant(
    workspace: &Workspace,
    tree: &Workspace,
    toolchain: &Toolchain,
    patch: &Patch,
) -> anyhow::Result<String> {
    copy::refresh(workspace, tree)?;
    patch.apply(tree)?;
    let (bed, layer) = bed(tree, toolchain, patch.layer);
    test::prepare_layer(&bed, layer, &patch.test).context("with the patch")?;
    let tally = test::run_layer(&bed, layer, &patch.test, false);
    // The expected test must be among the failed tests, because a name that matches no test detects no fault.
    let expected = patch.test.rsplit("::").next().unwrap_or_default();
    let first = tally.failures.iter().find(|failure| failure.contains(expected));
    match (first, tally.failures.first()) {
        (Some(first), _) => Ok(first.lines().next().unwrap_or_default().to_owned()),
        (None, Some(other)) => bail!("{expected} passes, but {other} fails"),
        (None, None) => bail!("{} tests of {} passed", tally.passed, test::name(patch.layer)),
    }
}

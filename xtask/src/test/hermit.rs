//! The test layer `hermit`: the image on the Hermit kernel. It runs the README's conversation. With `--all`
//! it also runs the layer `image`, the cases of the layer `tcp` on one CPU and on two, and a longer load.

use crate::exit::{self, Cause};
use crate::hermit;
use crate::runtime::Runtime;

use super::bed::TestBed;
use super::tally::Tally;
use super::{image, lints, tcp};

/// Runs the layer. Skips it if the kernel cannot be downloaded.
pub(super) fn run(bed: &TestBed<'_>, filter: &str, all: bool) -> anyhow::Result<Tally> {
    let bed = TestBed { runtime: Runtime::Hermit, ..*bed };
    if let Err(error) = hermit::ensure(bed.workspace, bed.toolchain) {
        return match exit::cause_of(&error) {
            Some(Cause::Missing) => Ok(Tally::skip(format!("the image on Hermit: {error:#}"))),
            _ => Err(error),
        };
    }
    if !all {
        return tcp::converse(&bed, filter);
    }
    let mut sum = tcp::run(&bed, filter)?;
    sum.add(tcp::run_on_two(&bed, filter)?);
    if filter.is_empty() {
        sum.add(lints::program(&bed)?);
        sum.add(image::run(&bed, false)?);
        sum.record("a longer load whose every byte is checked", tcp::load(&bed));
    }
    Ok(sum)
}

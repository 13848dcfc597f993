//! Tests a window of a configured size.

use anyhow::ensure;

use super::subject::Subject;
use crate::resp::Reply;
use crate::test::reports;

/// The kernel command line for [`run`].
pub(super) const SMALL: &str = "window=1073741824";

/// An alignment that only two areas of the window have: its start, which the image uses, and its middle.
const HALF: &str = "512M";

/// Addresses must be exhausted before memory, with an error of their own, and be available again after a
/// free.
pub(super) fn run(subject: &Subject) -> anyhow::Result<()> {
    let mut client = subject.connect()?;
    let shown = reports::array(client.call(&["CONFIG", "GET", "window"])?)?;
    let shown: Vec<String> = shown.into_iter().map(reports::text).collect::<Result<_, _>>()?;
    ensure!(shown.join("=") == SMALL, "CONFIG GET shows {}", shown.join("="));
    for round in 0..2 {
        reports::allocated(client.call(&["VMALLOC", "4096", "ALIGN", HALF, "NAME", "middle"])?)?;
        let second = client.call(&["VMALLOC", "4096", "ALIGN", HALF])?;
        let is_refused = matches!(&second, Reply::Error(text) if text.starts_with("NOVA "));
        ensure!(is_refused, "round {round}: VMALLOC answers {}", second.terminal().trim_end());
        ensure!(reports::integer(client.call(&["VFREE", "@middle"])?)? == 1, "middle is not freed");
        reports::purge(&mut client)?;
    }
    reports::check(&mut client)?;
    Ok(())
}

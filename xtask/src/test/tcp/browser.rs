//! The test layer `browser`: uses the page of the HTTP reports in a real browser.

mod axe;
mod driver;
mod keyboard;
mod many;
mod names;
mod screens;
mod stage;
mod states;

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use anyhow::ensure;

use super::subject::{Setup, Subject};
use crate::test::bed::TestBed;
use crate::test::programs::Programs;
use crate::test::tally::{Skip, Tally};
use crate::{process, provision};

use driver::Browser;
use stage::BrowserStage;

type BrowserStep = fn(&BrowserStage<'_>) -> anyhow::Result<()>;

/// The parts of the test, in the order in which they run on one image. The second part allocates 20,000
/// regions.
const STEPS: &[(&str, BrowserStep)] = &[
    ("names are shown as text while their regions live", names::run),
    ("20,000 regions are summed up", many::run),
    ("a selected text stays selected", states::selection),
    ("paused and dead pages show their state", states::run),
    ("a walk by keyboard", keyboard::run),
    ("kinds differ without colours", screens::kinds),
    ("every screen is readable", screens::run),
];

/// Runs the layer `browser`.
pub(crate) fn run(bed: &TestBed<'_>) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    match programs() {
        Ok((browser, driver)) => {
            let outcome = drive(bed, &browser, &driver, &mut tally);
            tally.record("the image behind the page", outcome);
        }
        Err(skip) => tally.record("the page in Chromium", Err(skip.into())),
    }
    Ok(tally)
}

/// Finds Chromium and its driver, or installs them if possible.
fn programs() -> Result<(PathBuf, PathBuf), Skip> {
    let find = || process::find("chromium").zip(process::find("chromedriver"));
    if find().is_none() {
        let packages = ["chromium", "chromium-driver"];
        let installed =
            provision::install(&packages, "the page is looked at", provision::Removals::Refused);
        if let Err(error) = installed {
            process::announce("", &format!("{error:#}"));
        }
    }
    find().ok_or(Skip("chromium and chromedriver are not installed"))
}

fn drive(
    bed: &TestBed<'_>,
    browser: &Path,
    driver: &Path,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let mut subject = Subject::boot(&Programs::prepare(bed)?, Setup::PLAIN)?;
    let folder = bed.workspace.path("target/run/test-browser");
    let outcome = Browser::start(driver, browser, &folder).and_then(|browser| {
        let client = RefCell::new(subject.connect()?);
        let stage = BrowserStage { subject: &subject, browser: &browser, client, folder };
        browser.show_on(driver::Screen::LAPTOP)?;
        browser.open(&format!("http://{}/", subject.http()?))?;
        for (name, step) in STEPS {
            let outcome = step(&stage);
            let word = if outcome.is_ok() { "ok" } else { "not ok" };
            process::announce(word, name);
            tally.record(name, outcome);
        }
        let complaints = browser.complaints()?;
        ensure!(complaints.is_empty(), "the browser says: {}", complaints.join("; "));
        Ok(())
    });
    subject.judge(outcome)
}

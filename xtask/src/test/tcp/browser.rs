//! The layer that is a person: the page in a real browser.

mod driver;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use serde_json::Value;

use super::subject::{Setup, Subject};
use super::{compile, reports};
use crate::qemu;
use crate::test::tally::{Skip, Tally};
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;
use crate::{process, provision};

use driver::Browser;

/// A name that is HTML, and one of a region that goes again.
const TAG: &str = "<img/src=x>";
const GONE: &str = "soon-gone";

/// A page looks once a second; this is for a busy host.
const LIMIT: Duration = Duration::from_secs(40);
const LOOK: Duration = Duration::from_millis(200);

/// What the page says of itself.
const LIVE: &str = "return document.getElementById('live').textContent";
const NAMES: &str = "return Array.from(document.querySelectorAll('#regions td.name'), \
                     (cell) => cell.textContent)";
/// Elements that a name has become, and images at all.
const ELEMENTS: &str = "return document.querySelectorAll('td *').length + document.images.length";
/// Different colours of the map.
const COLORS: &str = "const map = document.getElementById('map'); \
    const { data } = map.getContext('2d').getImageData(0, 0, map.width, map.height); \
    return new Set(new Uint32Array(data.buffer)).size";

/// Runs the layer.
pub(in crate::test) fn run(workspace: &Workspace, toolchain: &Toolchain) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    let outcome = match programs() {
        Ok((browser, driver)) => drive(workspace, toolchain, &browser, &driver),
        Err(skip) => Err(skip.into()),
    };
    tally.record("the page in Chromium", outcome);
    Ok(tally)
}

/// Chromium and its driver, installed where that is possible.
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
    workspace: &Workspace,
    toolchain: &Toolchain,
    browser: &Path,
    driver: &Path,
) -> anyhow::Result<()> {
    let image = compile(workspace, toolchain)?;
    let mut subject = Subject::boot(workspace, &qemu::ensure(None)?, &image, Setup::PLAIN)?;
    let folder = workspace.path("target/run/test-browser");
    let outcome = Browser::start(driver, browser, &folder).and_then(|browser| {
        let outcome = look(&subject, &browser);
        let picture = folder.join("page.png");
        std::fs::write(&picture, browser.picture()?)?;
        process::announce("", &format!("a picture is in {}", workspace.show(&picture)));
        outcome
    });
    subject.judge(outcome)
}

/// What a person would look at.
fn look(subject: &Subject, browser: &Browser) -> anyhow::Result<()> {
    let mut client = subject.connect()?;
    for number in 1..=40 {
        let words = ["VMALLOC", &format!("{}K", number * 8), "NAME", &format!("region-{number}")];
        reports::allocated(client.call(&words)?)?;
    }
    browser.open(&format!("http://{}/", subject.http()?))?;
    wait("the page to be live", || Ok(browser.run(LIVE)? == "live"))?;
    for name in [TAG, GONE] {
        reports::allocated(client.call(&["VMALLOC", "300K", "NAME", name])?)?;
    }
    wait("both names", || Ok(shows(browser, TAG)? && shows(browser, GONE)?))?;
    let colors = number(&browser.run(COLORS)?)?;
    // Free, the image's own, two of clients' regions and guards.
    ensure!(colors >= 5, "the map has {colors} colours");
    let elements = number(&browser.run(ELEMENTS)?)?;
    ensure!(elements == 0, "{elements} elements out of names");
    reports::integer(client.call(&["VFREE", &format!("@{GONE}")])?)?;
    wait("a name to go", || Ok(!shows(browser, GONE)?))?;
    ensure!(shows(browser, TAG)?, "the other name has gone too");
    let complaints = browser.complaints()?;
    ensure!(complaints.is_empty(), "the browser says: {}", complaints.join("; "));
    Ok(())
}

/// Whether a row has exactly this name.
fn shows(browser: &Browser, name: &str) -> anyhow::Result<bool> {
    let names = browser.run(NAMES)?;
    Ok(names.as_array().is_some_and(|names| names.iter().any(|cell| cell == name)))
}

fn number(value: &Value) -> anyhow::Result<u64> {
    value.as_u64().ok_or_else(|| anyhow::anyhow!("no number: {value}"))
}

fn wait(what: &str, mut holds: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let deadline = Instant::now() + LIMIT;
    while !holds()? {
        if Instant::now() > deadline {
            bail!("waited in vain for {what}");
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

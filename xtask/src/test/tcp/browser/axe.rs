//! Runs axe-core, which checks the accessibility of a page. A fixed version is installed from npm below
//! `target`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;

use super::driver::Browser;
use crate::process;
use crate::test::tally::Skip;

const PACKAGE: &str = "axe-core@4.10.3";
/// The folder of the package. It is below `target`, so that `cargo clean` removes it, and has a folder for
/// each version.
const FOLDER: &str = "target/clients";
const SCRIPT: &str = "node_modules/axe-core/axe.min.js";

/// Maximum time of the installation of a package of some MB.
const INSTALL_LIMIT: Duration = Duration::from_secs(180);

/// A script that runs axe. It returns the impact, the rule and the first element of each violation.
const RUN: &str = "
    const done = arguments[arguments.length - 1];
    axe.run().then(({ violations, passes }) => done({
        passes: passes.length,
        violations: violations.map(({ id, impact, nodes }) => [impact, id, nodes[0].html]),
    }), (error) => done({ error: String(error) }));";

/// The source of axe, which is run in a page.
#[derive(Debug)]
pub(super) struct Axe(String);

impl Axe {
    /// Reads the source of axe. Installs axe if it is missing.
    pub(super) fn install(root: &Path) -> anyhow::Result<Self> {
        let folder = root.join(FOLDER).join(PACKAGE);
        let script = folder.join(SCRIPT);
        if !script.is_file() {
            fetch(&folder)?;
        }
        let text = std::fs::read_to_string(&script);
        Ok(Self(text.with_context(|| script.display().to_string())?))
    }

    /// Fails if the page has a violation that axe calls serious or critical.
    pub(super) fn judge(&self, browser: &Browser) -> anyhow::Result<()> {
        let found = browser.run_until_done(&format!("{}\n{RUN}", self.0))?;
        let passes = found["passes"].as_u64().unwrap_or(0);
        ensure!(passes > 10, "axe has checked no element: {found}");
        let violations = found["violations"].as_array().context("no violations")?;
        let is_grave =
            |row: &&Value| row[0].as_str().is_some_and(|it| matches!(it, "serious" | "critical"));
        let grave: Vec<String> =
            violations.iter().filter(is_grave).map(ToString::to_string).collect();
        ensure!(grave.is_empty(), "axe finds: {}", grave.join("; "));
        Ok(())
    }
}

fn fetch(folder: &PathBuf) -> anyhow::Result<()> {
    if process::find("npm").is_none() {
        return Err(Skip("npm is not installed, which fetches axe-core").into());
    }
    process::announce("Install", &format!("{PACKAGE}, by npm, below target (it judges the page)"));
    std::fs::create_dir_all(folder)?;
    let mut command = Command::new("npm");
    command.args(["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts"]);
    command.arg("--prefix").arg(folder).arg(PACKAGE);
    let output = process::capture_within(&mut command, INSTALL_LIMIT)?;
    if !output.status.success() {
        process::announce("", String::from_utf8_lossy(&output.stderr).trim());
        return Err(Skip("npm could not fetch axe-core").into());
    }
    Ok(())
}

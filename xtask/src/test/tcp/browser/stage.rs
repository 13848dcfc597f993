//! The stage of a browser test: an image, a browser that shows its page, and a client that changes regions.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;

use super::driver::Browser;
use crate::process;
use crate::resp::{Client, Reply};
use crate::test::reports;
use crate::test::tcp::subject::Subject;

/// Maximum time of a wait. The page requests updates once a second, but the host may be busy.
const LIMIT: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(200);

/// A script function that returns the points of a canvas. It reads a copy of the canvas, because Chromium
/// warns about a canvas that is both drawn and read.
pub(super) const POINTS: &str = "const points_of = (canvas) => { \
    const copy = document.createElement('canvas'); \
    [copy.width, copy.height] = [canvas.width, canvas.height]; \
    const pen = copy.getContext('2d', { willReadFrequently: true }); \
    pen.drawImage(canvas, 0, 0); \
    return new Uint32Array(pen.getImageData(0, 0, copy.width, copy.height).data.buffer); }; ";

/// The context of a part of the test.
pub(super) struct BrowserStage<'a> {
    pub(super) subject: &'a Subject,
    pub(super) browser: &'a Browser,
    /// The client of the test. Its unnamed regions are freed when it disconnects.
    pub(super) client: RefCell<Client>,
    /// The folder for screenshots.
    pub(super) folder: PathBuf,
}

impl BrowserStage<'_> {
    /// Sends a command whose reply must not be an error.
    pub(super) fn call(&self, line: &str) -> anyhow::Result<Reply> {
        let words: Vec<&str> = line.split(' ').collect();
        let reply = self.client.borrow_mut().call(&words)?;
        if reply.is_error() {
            bail!("{line} answers {}", reply.terminal().trim_end());
        }
        Ok(reply)
    }

    /// Returns the counter `name` of the image.
    pub(super) fn counter(&self, name: &str) -> anyhow::Result<u64> {
        reports::stat(&mut self.client.borrow_mut(), name)
    }

    /// Returns the text that a script returns.
    pub(super) fn text(&self, script: &str) -> anyhow::Result<String> {
        let value = self.browser.run(script)?;
        value.as_str().map(str::to_owned).with_context(|| format!("no text: {value}"))
    }

    /// Returns the text of the element with this id.
    pub(super) fn text_of(&self, id: &str) -> anyhow::Result<String> {
        self.text(&format!("return document.getElementById('{id}').textContent"))
    }

    /// Returns the number that a script returns.
    pub(super) fn number(&self, script: &str) -> anyhow::Result<u64> {
        let value = self.browser.run(script)?;
        value.as_u64().with_context(|| format!("no number: {value}"))
    }

    /// Returns whether a script returns true.
    pub(super) fn is(&self, script: &str) -> anyhow::Result<bool> {
        Ok(self.browser.run(script)? == Value::Bool(true))
    }

    /// Presses keys.
    pub(super) fn press(&self, keys: &[&str]) -> anyhow::Result<()> {
        keys.iter().try_for_each(|key| self.browser.press(key))
    }

    /// Waits until a condition is true. The error after a timeout contains the name of the condition.
    pub(super) fn wait(
        &self,
        what: &str,
        mut holds: impl FnMut() -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + LIMIT;
        while !holds()? {
            if Instant::now() > deadline {
                let state = self.text_of("state")?;
                bail!("timeout while waiting for {what}; the page shows {state:?}");
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Waits until the page shows current data.
    pub(super) fn wait_until_live(&self) -> anyhow::Result<()> {
        self.wait("the page to be live", || Ok(self.text_of("live")? == "live"))
    }

    /// Waits until the page has shown `count` further updates.
    pub(super) fn wait_for_rounds(&self, count: u64) -> anyhow::Result<()> {
        let requests = self.counter("http_requests")?;
        // Each update requests the counters, the map and at least one page of regions.
        self.wait("further answers", || {
            Ok(self.counter("http_requests")? >= requests + 3 * count + 3)
        })
    }

    /// Saves a screenshot of the page.
    pub(super) fn keep(&self, name: &str) -> anyhow::Result<()> {
        let path = self.folder.join(format!("{name}.png"));
        std::fs::write(&path, self.browser.picture()?)?;
        process::announce("", &format!("a picture is in {}", path.display()));
        Ok(())
    }
}

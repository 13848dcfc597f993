//! Controls Chromium through its driver, by WebDriver (JSON over HTTP).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::sys::{self, Bond};

/// Maximum time of a request. The first start of the browser is slow on a busy host.
const LIMIT: Duration = Duration::from_secs(90);

/// The text that the driver prints once it listens.
const READY: &str = "ChromeDriver was started successfully on port ";

/// The screen of a viewer, and the way in which the screen shows colours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Screen {
    /// Width in CSS pixels.
    pub(super) width: u32,
    /// Height in CSS pixels.
    pub(super) height: u32,
    /// Whether the viewer prefers dark pages.
    pub(super) is_dark: bool,
    /// Whether the screen shows all colours as grey.
    pub(super) is_grey: bool,
}

impl Screen {
    /// The size of a common laptop.
    pub(super) const LAPTOP: Self =
        Self { width: 1280, height: 800, is_dark: false, is_grey: false };
    /// The size of a common phone.
    pub(super) const PHONE: Self = Self { width: 390, height: 844, ..Self::LAPTOP };

    /// Returns whether the screen is that of a phone.
    pub(super) fn is_phone(self) -> bool {
        self.width < self.height
    }

    /// Returns a name with a word for each property of the screen.
    pub(super) fn name(self) -> String {
        let Self { width, height, is_dark, is_grey } = self;
        let scheme = if is_dark { "dark" } else { "light" };
        let sight = if is_grey { "-grey" } else { "" };
        format!("{width}x{height}-{scheme}{sight}")
    }
}

/// A browser with one window. The browser ends when this value is dropped.
#[derive(Debug)]
pub(super) struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
}

impl Browser {
    /// Starts the driver and a headless browser, which has its own profile below `folder`.
    pub(super) fn start(driver: &Path, browser: &Path, folder: &Path) -> anyhow::Result<Self> {
        let profile = folder.join("profile");
        let _ = std::fs::remove_dir_all(&profile);
        std::fs::create_dir_all(&profile)?;
        let mut command = Command::new(driver);
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        sys::bind(&mut command, Bond::Own, &[]);
        let mut child = command.spawn().with_context(|| driver.display().to_string())?;
        let output = child.stdout.take().context("the driver's output")?;
        // From here on, dropping the value ends the driver.
        let mut started = Self {
            driver: child,
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            session: String::new(),
        };
        started.address.set_port(port(output)?);
        started.session = started.begin(browser, &profile)?;
        Ok(started)
    }

    fn begin(&self, browser: &Path, profile: &Path) -> anyhow::Result<String> {
        let profile = format!("--user-data-dir={}", profile.display());
        let mut arguments = vec![
            "--headless=new",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--window-size=1280,1100",
        ];
        arguments.extend(["--hide-scrollbars", &profile]);
        // Chromium's sandbox does not work as root. Without it only the image's page is loaded.
        if sys::is_root() {
            arguments.push("--no-sandbox");
        }
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"binary": browser, "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let answer = self.call("POST", "/session", &wanted)?;
        answer["sessionId"].as_str().map(str::to_owned).context("no session")
    }

    /// Opens a page.
    pub(super) fn open(&self, address: &str) -> anyhow::Result<()> {
        self.post("url", &json!({ "url": address })).map(|_| ())
    }

    /// Runs a script in the page and returns its value.
    pub(super) fn run(&self, script: &str) -> anyhow::Result<Value> {
        self.post("execute/sync", &json!({"script": script, "args": []}))
    }

    /// Runs a script until it calls the function that is its last argument. Returns the value passed to that
    /// function.
    pub(super) fn run_until_done(&self, script: &str) -> anyhow::Result<Value> {
        let limit = u64::try_from(LIMIT.as_millis())?;
        self.post("timeouts", &json!({ "script": limit }))?;
        self.post("execute/async", &json!({"script": script, "args": []}))
    }

    /// Changes the size and the colours of the screen.
    pub(super) fn show_on(&self, screen: Screen) -> anyhow::Result<()> {
        let Screen { width, height, is_dark, is_grey } = screen;
        let (scheme, sight) = (
            if is_dark { "dark" } else { "light" },
            if is_grey { "achromatopsia" } else { "none" },
        );
        for (command, parameters) in [
            (
                "Emulation.setDeviceMetricsOverride",
                json!({"width": width, "height": height, "deviceScaleFactor": 1,
                    "mobile": screen.is_phone()}),
            ),
            (
                "Emulation.setEmulatedMedia",
                json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}),
            ),
            ("Emulation.setEmulatedVisionDeficiency", json!({ "type": sight })),
        ] {
            self.command(command, &parameters)?;
        }
        Ok(())
    }

    /// Presses the key with this name in the DOM.
    pub(super) fn press(&self, key: &str) -> anyhow::Result<()> {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "Backspace" => 8,
            "Escape" => 27,
            "End" => 35,
            "Home" => 36,
            "ArrowLeft" => 37,
            "ArrowUp" => 38,
            "ArrowRight" => 39,
            "ArrowDown" => 40,
            _ => 0,
        };
        let text = match key {
            "Enter" => "\r",
            key if key.len() == 1 => key,
            _ => "",
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let event = json!({"type": kind, "key": key, "windowsVirtualKeyCode": code,
                "text": text});
            self.command("Input.dispatchKeyEvent", &event)?;
        }
        Ok(())
    }

    /// Sends a command of the DevTools protocol.
    fn command(&self, name: &str, parameters: &Value) -> anyhow::Result<Value> {
        self.post("goog/cdp/execute", &json!({"cmd": name, "params": parameters}))
    }

    /// Returns the messages of the browser's console: errors of scripts, and violations of the policy.
    pub(super) fn complaints(&self) -> anyhow::Result<Vec<String>> {
        let log = self.post("se/log", &json!({"type": "browser"}))?;
        let rows = log.as_array().context("no log")?;
        Ok(rows.iter().map(|row| row["message"].to_string()).collect())
    }

    /// Returns a screenshot of the whole page in PNG format.
    pub(super) fn picture(&self) -> anyhow::Result<Vec<u8>> {
        let parameters = json!({"format": "png", "captureBeyondViewport": true});
        let answer = self.command("Page.captureScreenshot", &parameters)?;
        STANDARD.decode(answer["data"].as_str().unwrap_or_default()).context("no picture")
    }

    fn post(&self, what: &str, body: &Value) -> anyhow::Result<Value> {
        self.call("POST", &format!("/session/{}/{what}", self.session), body)
    }

    /// Sends one HTTP request to the driver on a connection of its own.
    fn call(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(self.address).context("the driver")?;
        stream.set_read_timeout(Some(LIMIT))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        )?;
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            match line.trim_end().split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse()?;
                }
                None if line.trim_end().is_empty() => break,
                _ => {}
            }
        }
        let mut answer = vec![0; length];
        reader.read_exact(&mut answer)?;
        let mut answer: Value = serde_json::from_slice(&answer)?;
        let value = answer["value"].take();
        if let Some(error) = value["error"].as_str() {
            bail!("{path}: {error}: {}", value["message"]);
        }
        Ok(value)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser normally ends by itself. Its remaining processes are in the process group of the
        // driver.
        if !self.session.is_empty() {
            let _ = self.call("DELETE", &format!("/session/{}", self.session), &Value::Null);
        }
        let _ = sys::kill_group(self.driver.id());
        let _ = self.driver.wait();
    }
}

/// Returns the port that the driver has chosen and printed.
fn port(output: impl Read) -> anyhow::Result<u16> {
    let mut said = String::new();
    for line in BufReader::new(output).lines() {
        let line = line?;
        if let Some(rest) = line.strip_prefix(READY) {
            return Ok(rest.trim_end_matches('.').parse()?);
        }
        said += &line;
    }
    bail!("the driver says: {said}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_driver_names_its_port() {
        let text = format!("Starting ChromeDriver\n{READY}40123.\nmore\n");
        assert_eq!(port(text.as_bytes()).unwrap(), 40123);
        assert!(port("Address in use\n".as_bytes()).unwrap_err().to_string().contains("in use"));
    }
}

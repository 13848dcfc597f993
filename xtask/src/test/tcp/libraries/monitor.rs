//! Runs redis_exporter and Prometheus of Debian. All values that they read from the image must arrive.
//!
//! Prometheus reads `/metrics` of the image and of the exporter. The exporter sends `INFO`, `CONFIG GET` and
//! similar commands to the image.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::super::http;
use super::context::LibraryContext;
use super::install;
use crate::network;
use crate::process;
use crate::sys::{self, Bond};

/// Maximum time of a wait for a scrape. Prometheus scrapes every second.
const LIMIT: Duration = Duration::from_secs(60);
/// The pause between two queries.
const LOOK: Duration = Duration::from_millis(200);
/// Minimum number of series of the image. With fewer series, a scrape is incomplete.
const SERIES_MIN: usize = 50;

/// Runs both programs until they have read the image.
pub(super) fn run(context: &LibraryContext<'_>) -> anyhow::Result<()> {
    let exporter = install::program("prometheus-redis-exporter", "prometheus-redis-exporter")?;
    let prometheus = install::program("prometheus", "prometheus")?;
    let folder = context.target("prometheus");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    let (exports, queries) = (network::free_port(0)?, network::free_port(0)?);
    let mut command = Command::new(exporter);
    command.arg(format!("-redis.addr=redis://{}", context.subject.address()));
    command.arg(format!("-web.listen-address={exports}"));
    let _exporter = Daemon::start(command, &folder, "exporter.log")?;
    let config = folder.join("prometheus.yml");
    std::fs::write(&config, configuration(context.subject.http()?, exports))?;
    let mut command = Command::new(prometheus);
    command.arg(format!("--config.file={}", config.display()));
    command.arg(format!("--storage.tsdb.path={}", folder.join("data").display()));
    command.arg(format!("--web.listen-address={queries}"));
    let _prometheus = Daemon::start(command, &folder, "prometheus.log")?;

    for job in ["image", "exporter"] {
        wait(&format!("up of {job}"), || {
            Ok(value(queries, &format!("up{{job=\"{job}\"}}"))? == Some(1.0))
        })?;
    }
    wait("redis_up", || Ok(value(queries, "redis_up")? == Some(1.0)))?;
    let role = "redis_instance_info{role=\"master\",redis_version=\"7.0.15\"}";
    wait("the role of the image", || Ok(value(queries, role)? == Some(1.0)))?;
    let errors = value(queries, "redis_exporter_last_scrape_error")?;
    ensure!(errors == Some(0.0), "the exporter's last scrape has errors: {errors:?}");
    // Otherwise the exporter would report a database for each number up to the number of databases.
    let databases = series(queries, "redis_db_keys")?;
    ensure!(databases.len() <= 1, "databases: {databases:?}");
    every_series(context.subject.http()?, queries)
}

/// Compares the series in Prometheus with the lines of `/metrics`. The comparison is repeated, because
/// commands that were first served after the last scrape appear only in the next one.
fn every_series(image: SocketAddr, queries: SocketAddr) -> anyhow::Result<()> {
    let mut difference = None;
    let outcome = wait("every series", || {
        difference = same_series(image, queries).err();
        Ok(difference.is_none())
    });
    outcome.map_err(|error| difference.unwrap_or(error))
}

/// Compares the series with the lines once.
fn same_series(image: SocketAddr, queries: SocketAddr) -> anyhow::Result<()> {
    let text = http::fetch(image, "/metrics")?;
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let names = lines.filter_map(|line| line.split(['{', ' ']).next());
    let mut right = BTreeMap::<&str, usize>::new();
    for name in names {
        *right.entry(name).or_default() += 1;
    }
    let count: usize = right.values().sum();
    ensure!(count >= SERIES_MIN, "{count} series in /metrics, at least {SERIES_MIN} are wanted");
    for (name, lines) in &right {
        let found = series(queries, &format!("{name}{{job=\"image\"}}"))?.len();
        ensure!(found == *lines, "{name}: {found} series in Prometheus, {lines} in /metrics");
    }
    process::announce("", &format!("Prometheus has all {count} series of /metrics"));
    Ok(())
}

fn configuration(image: SocketAddr, exporter: SocketAddr) -> String {
    format!(
        "global:\n  scrape_interval: 1s\nscrape_configs:\n\
         - job_name: image\n  static_configs:\n  - targets: ['{image}']\n\
         - job_name: exporter\n  static_configs:\n  - targets: ['{exporter}']\n"
    )
}

/// Returns the value of an expression, if it has exactly one.
fn value(queries: SocketAddr, expression: &str) -> anyhow::Result<Option<f64>> {
    let found = series(queries, expression)?;
    let text = found.first().and_then(|row| row["value"][1].as_str());
    text.map(|text| text.parse().with_context(|| text.to_owned())).transpose()
}

/// Returns the series of an expression, or an empty list while Prometheus does not answer.
fn series(queries: SocketAddr, expression: &str) -> anyhow::Result<Vec<Value>> {
    let mut query = String::new();
    for byte in expression.bytes() {
        query.push_str(&format!("%{byte:02x}"));
    }
    let Ok(text) = http::fetch(queries, &format!("/api/v1/query?query={query}")) else {
        return Ok(Vec::new());
    };
    let reply: Value = serde_json::from_str(&text).with_context(|| text.clone())?;
    ensure!(reply["status"] == "success", "{expression}: {text}");
    Ok(reply["data"]["result"].as_array().cloned().unwrap_or_default())
}

fn wait(what: &str, mut holds: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let deadline = Instant::now() + LIMIT;
    while !holds()? {
        if Instant::now() > deadline {
            bail!("timeout while waiting for {what}");
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// A server process that ends when this value is dropped.
pub(super) struct Daemon(Child);

impl Daemon {
    /// Starts a program whose output is written to a log file.
    pub(super) fn start(mut command: Command, folder: &Path, log: &str) -> anyhow::Result<Self> {
        let log = File::create(folder.join(log))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        sys::bind(&mut command, Bond::Own, &[]);
        let program = command.get_program().display().to_string();
        Ok(Self(command.spawn().with_context(|| program)?))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // The server may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

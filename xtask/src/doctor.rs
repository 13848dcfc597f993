//! `cargo xtask doctor`: reports which of the required programs and devices this machine has. It changes
//! nothing.

use std::path::Path;
use std::process::ExitCode;

use runtime_config::ports;

use crate::accel::AccelRequest;
use crate::network::NetRequest;
use crate::toolchain::{self, Toolchain, install};
use crate::workspace::Workspace;
use crate::{accel, hermit, network, process, provision, qemu};

/// One line of the report.
struct Finding {
    what: &'static str,
    /// The program that was found, or advice on how to get it.
    result: Result<String, String>,
}

/// Runs `cargo xtask doctor`. The exit code is 3 if a program is missing.
pub(crate) fn doctor(workspace: &Workspace) -> anyhow::Result<ExitCode> {
    let findings = examine(workspace)?;
    for Finding { what, result } in &findings {
        match result {
            Ok(found) => println!("     ok  {what:<16}  {found}"),
            Err(advice) => println!("missing  {what:<16}  {advice}"),
        }
    }
    println!("{}", notes(workspace)?);
    let healthy = findings.iter().all(|finding| finding.result.is_ok());
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

fn examine(workspace: &Workspace) -> anyhow::Result<Vec<Finding>> {
    let compiler = Toolchain::find(workspace)?;
    let msrv = workspace.msrv_minor()?;
    let compiler = compiler.map(|found| found.describe()).ok_or_else(|| install::advice(msrv));
    let qemu = match qemu::find(None) {
        Ok(Some(path)) => Ok(path.display().to_string()),
        Ok(None) => Err(provision::command_line(qemu::PACKAGES)),
        Err(error) => Err(error.to_string()),
    };
    Ok(vec![
        Finding { what: "host compiler", result: host_compiler(workspace)? },
        Finding { what: "image compiler", result: compiler },
        Finding { what: "linker", result: program("ld", &["binutils"]) },
        Finding { what: "assembler", result: program("as", &["binutils"]) },
        Finding { what: "rustfmt", result: component("rustfmt") },
        Finding { what: "clippy", result: component("clippy-driver") },
        Finding { what: "qemu", result: qemu },
        Finding { what: "passt", result: program("passt", &["passt"]) },
        Finding { what: "redis-cli", result: program("redis-cli", &["redis-tools"]) },
        Finding { what: "redis-benchmark", result: program("redis-benchmark", &["redis-tools"]) },
    ])
}

fn host_compiler(workspace: &Workspace) -> anyhow::Result<Result<String, String>> {
    let minor = toolchain::host_minor()?;
    let strict = workspace.lint_minors()?.contains(&minor);
    let lints = if strict { "warnings are errors" } else { "warnings stay warnings" };
    Ok(Ok(format!("rustc 1.{minor}; in the tests {lints}")))
}

fn program(name: &str, packages: &[&str]) -> Result<String, String> {
    match process::find(name) {
        Some(path) => Ok(path.display().to_string()),
        None => Err(provision::command_line(packages)),
    }
}

/// Finds a component of the Rust toolchain. rustup adds a proxy for each component to the path, even for
/// components that are not installed.
fn component(name: &str) -> Result<String, String> {
    let version = process::ask(Path::new(name), &["--version"]);
    let package = name.trim_end_matches("-driver");
    version
        .map(|text| text.trim().to_owned())
        .ok_or_else(|| format!("rustup component add {package}"))
}

fn notes(workspace: &Workspace) -> anyhow::Result<String> {
    let accel = accel::choose(AccelRequest::Auto);
    let network = network::choose(NetRequest::Auto)?;
    let port = match network::free_port(ports::RESP) {
        Ok(_) => "is free".to_owned(),
        Err(error) => error.to_string(),
    };
    Ok(format!(
        "   note  {:<16}  {}: {}\n   note  {:<16}  {}: {}\n   note  {:<16}  {port}\n   note  {:<16}  {}",
        "accel",
        accel.accel,
        accel.why,
        "network",
        network.network,
        network.why,
        "port 7379",
        "runtime hermit",
        hermit::state(workspace)
    ))
}

//! The addresses of a run's services on this host.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use runtime_config::cmdline::Config;

use crate::cli::RunOptions;
use crate::exit::{self, Cause};
use crate::network::{self, Forward};

/// The addresses; port 0 stands for a port that is chosen at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Addresses {
    pub(super) resp: SocketAddr,
    pub(super) http: Option<Forward>,
}

/// Refuses options that contradict each other.
///
/// # Errors
/// Both services on one port, or a port for reports that the image does not serve.
pub(super) fn check(options: &RunOptions, config: &Config) -> anyhow::Result<()> {
    let refuse = |message: String| Err(exit::failure(Cause::Usage, message));
    match options.http_port {
        Some(port) if port != 0 && port == options.port => refuse(format!(
            "--port {port} and --http-port {port} are the same port; 0 is a free one"
        )),
        Some(port) if !config.serves_http() => {
            refuse(format!("--http-port {port}: with --append http=0 the image serves no reports"))
        }
        _ => Ok(()),
    }
}

/// Returns the ports that a run with these options takes.
///
/// # Errors
/// A port that was requested is taken.
pub(super) fn fixed(options: &RunOptions, config: &Config) -> anyhow::Result<Addresses> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let resp = match options.port {
        0 => any,
        port => network::free_port(port)?,
    };
    let mut http = None;
    if config.serves_http() {
        let host = network::fixed_http_port(options.http_port, options.port)?.unwrap_or(any);
        http = Some(Forward { host, guest: config.http_port });
    }
    Ok(Addresses { resp, http })
}

/// Chooses the ports of a run.
///
/// # Errors
/// As [`fixed`].
pub(super) fn choose(options: &RunOptions, config: &Config) -> anyhow::Result<Addresses> {
    let fixed = fixed(options, config)?;
    let resp = network::free_port(fixed.resp.port())?;
    let free = |forward: Forward| match forward.host.port() {
        0 => Ok(Forward { host: network::free_port_beside(resp)?, ..forward }),
        _ => anyhow::Ok(forward),
    };
    Ok(Addresses { resp, http: fixed.http.map(free).transpose()? })
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |address: SocketAddr| match address.port() {
            0 => format!("{}, a free port", address.ip()),
            _ => address.to_string(),
        };
        write!(f, "RESP on {}", show(self.resp))?;
        match self.http {
            Some(http) => write!(f, "; HTTP on {}", show(http.host)),
            None => f.write_str("; no HTTP"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use clap::Parser;
    use runtime_config::ports;

    use super::*;
    use crate::cli::{Cli, Verb};

    fn with<T>(line: &str, f: impl FnOnce(&RunOptions, &Config) -> T) -> T {
        let words = ["xtask", "run"].into_iter().chain(line.split(' '));
        let Verb::Run(run) = Cli::parse_from(words).verb else { panic!("not a run") };
        let (_, config) = run.machine.command_line().unwrap();
        f(&run, &config)
    }

    #[test]
    fn contradictions_are_refused_with_their_values() {
        for (line, parts) in [
            ("--port 7702 --http-port 7702", ["--port 7702", "--http-port 7702"]),
            ("--http-port 7379", ["--port 7379", "--http-port 7379"]),
            ("--http-port 7702 --append http=0", ["--http-port 7702", "http=0"]),
            ("--http-port 0 --append http=0", ["--http-port 0", "http=0"]),
        ] {
            let error = with(line, check).unwrap_err();
            assert_eq!(exit::cause_of(&error), Some(Cause::Usage));
            for part in parts {
                assert!(error.to_string().contains(part), "{line}: {error}");
            }
        }
        for line in ["--port 0 --http-port 0", "--port 7702", "--append http=0"] {
            with(line, check).unwrap();
        }
    }

    #[test]
    fn a_preview_shows_the_ports_that_a_run_takes() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        for line in [format!("--port {port}"), format!("--port 0 --http-port {port}")] {
            let error = with(&line, fixed).unwrap_err();
            assert_eq!(exit::cause_of(&error), Some(Cause::Taken), "{line}");
            assert!(error.to_string().contains(&format!("port {port}")), "{error}");
        }
        let shown = with("--port 0", fixed).unwrap().to_string();
        assert_eq!(shown, "RESP on 127.0.0.1, a free port; HTTP on 127.0.0.1, a free port");
        let shown = with("--port 0 --append http=0", fixed).unwrap().to_string();
        assert_eq!(shown, "RESP on 127.0.0.1, a free port; no HTTP");
    }

    #[test]
    fn a_run_takes_two_different_free_ports() {
        let Addresses { resp, http } = with("--port 0", choose).unwrap();
        let http = http.unwrap();
        assert_ne!(resp.port(), 0);
        assert_ne!(http.host.port(), 0);
        assert_ne!(resp, http.host);
        assert_eq!(http.guest, ports::HTTP);
    }
}

//! The test layer `differential`: sends the same requests to Debian's Redis and to the image, and compares
//! every byte of the replies.

mod allowed;
mod corpus;
mod frame;
mod rule;
mod step;
mod talk;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::subject::{Setup, Subject};
use crate::linux;
use crate::network::NetRequest;
use crate::process;
use crate::redis::Redis;
use crate::resp::Client;
use crate::test::bed::TestBed;
use crate::test::programs::Programs;
use crate::test::tally::{Skip, Tally};

use allowed::AllowedDifferences;
use corpus::DifferentialCase;
use talk::Exchange;

/// The folder with the cases and the list of intended differences.
const FOLDER: &str = "xtask/differential";
/// Options of Redis that set the same limits as those of the image.
const REDIS: &[&str] =
    &["--databases", "1", "--maxclients", "256", "--proto-max-bulk-len", "16777216"];
/// The password of the servers for cases that need one.
const PASSWORD: &str = "sesame";
/// The kernel command line of the image for those cases.
const PASSWORD_LINE: &str = "requirepass=sesame";
/// Maximum time in which Redis must end after a `SHUTDOWN`.
const END_LIMIT: Duration = Duration::from_secs(20);
/// Maximum length of a reply in the message about a failure.
const SHOWN_MAX: usize = 400;

/// Runs the cases whose names contain `filter`.
pub(crate) fn run(bed: &TestBed<'_>, filter: &str) -> anyhow::Result<Tally> {
    let folder = bed.workspace.path(FOLDER);
    let cases = corpus::load(&folder)?;
    let chosen: Vec<_> = cases.iter().filter(|case| case.name.contains(filter)).collect();
    let mut allowed = AllowedDifferences::load(&folder.join("allowed"))?;
    let mut tally = Tally::default();
    let server = match server() {
        Ok(server) => server,
        Err(skip) => {
            tally.record("Redis", Err(skip.into()));
            return Ok(tally);
        }
    };
    let programs = Programs::prepare(bed)?;
    let source = Source { programs: &programs, server: &server };
    let mut runs = 0;
    for password in [false, true] {
        let cases = chosen.iter().copied().filter(|case| case.demands.password == password);
        let cases: Vec<_> = cases.collect();
        if !cases.is_empty() {
            let pair = Pair::start(&source, password)?;
            runs += pair.compare(&source, &cases, &mut allowed, &mut tally)?;
        }
    }
    if filter.is_empty() {
        let unused = allowed.unused().join(", ");
        let outcome = || {
            ensure!(unused.is_empty(), "no difference is left for: {unused}");
            Ok(())
        };
        tally.record("the list of allowed differences", outcome());
    }
    let what = format!(
        "{} of {} cases, {runs} runs, {} lines of allowed differences",
        chosen.len(),
        cases.len(),
        allowed.len()
    );
    process::announce("", &what);
    Ok(tally)
}

/// Finds Debian's Redis, or installs it if possible.
fn server() -> Result<PathBuf, Skip> {
    linux::redis_server().map_err(|error| {
        process::announce("", &format!("{error:#}"));
        Skip("redis-server is not installed")
    })
}

/// Redis and the image.
struct Pair {
    redis: Redis,
    image: Subject,
    password: bool,
}

/// The programs and settings with which both servers are started.
struct Source<'a> {
    programs: &'a Programs<'a>,
    server: &'a Path,
}

impl Pair {
    fn start(source: &Source<'_>, password: bool) -> anyhow::Result<Self> {
        let Source { programs, server } = *source;
        let options = if password { &["--requirepass", PASSWORD][..] } else { &[] };
        let options = [REDIS, options].concat();
        let line = if password { PASSWORD_LINE } else { "" };
        let setup = Setup { line, network: NetRequest::User, ..Setup::PLAIN };
        Ok(Self {
            redis: Redis::start(programs.workspace, "test-redis", server, &options)?,
            image: Subject::boot(programs, setup)?,
            password,
        })
    }

    /// Runs cases in each protocol version that they support. Returns the number of runs.
    fn compare(
        mut self,
        source: &Source<'_>,
        cases: &[&DifferentialCase],
        allowed: &mut AllowedDifferences,
        tally: &mut Tally,
    ) -> anyhow::Result<usize> {
        let mut runs = 0;
        for case in cases {
            for &protocol in &case.demands.protocols {
                let outcome = self.run(case, protocol, allowed);
                tally.record(&format!("{} [RESP{protocol}]", case.name), outcome);
                runs += 1;
                if case.demands.ends {
                    let outcome = self.expect_end();
                    tally.record(&format!("{} ends both servers", case.name), outcome);
                    let password = self.password;
                    drop(self);
                    self = Self::start(source, password)?;
                }
            }
        }
        tally.record("the image afterwards", self.image.judge(Ok(())));
        Ok(runs)
    }

    fn run(
        &self,
        case: &DifferentialCase,
        protocol: u8,
        allowed: &mut AllowedDifferences,
    ) -> anyhow::Result<()> {
        for address in [self.redis.address(), self.image.address()] {
            self.clear(address)?;
        }
        let redis = talk::hold(self.redis.address(), case, protocol, None).context("Redis")?;
        let image = talk::hold(self.image.address(), case, protocol, Some(&redis));
        let image = image.context("the image")?;
        differ(&redis, &image, allowed)
    }

    /// Waits until both servers have ended successfully.
    fn expect_end(&mut self) -> anyhow::Result<()> {
        let status = self.redis.wait_for_end(END_LIMIT)?.context("Redis still runs")?;
        ensure!(status.success(), "Redis ended with {status}");
        self.image.expect_off()
    }

    /// Deletes every key.
    fn clear(&self, address: SocketAddr) -> anyhow::Result<()> {
        let mut client = Client::connect(address).context("cannot connect")?;
        if self.password {
            client.call(&["AUTH", PASSWORD])?;
        }
        let reply = client.call(&["FLUSHALL"])?;
        ensure!(!reply.is_error(), "FLUSHALL says {reply:?}");
        Ok(())
    }
}

/// Fails if there is a difference between the replies that is not intended.
fn differ(
    redis: &[Exchange],
    image: &[Exchange],
    allowed: &mut AllowedDifferences,
) -> anyhow::Result<()> {
    let mut differences = Vec::new();
    for (theirs, ours) in redis.iter().zip(image) {
        let (request, right, wrong) = (&theirs.request, theirs.answer.show(), ours.answer.show());
        if !theirs.answer.alike(&ours.answer, &theirs.rule)
            && !allowed.takes(request, &right, &wrong)
        {
            differences.push(format!(
                "\n{request}\n    Redis {}\n    image {}",
                shorten(&right),
                shorten(&wrong)
            ));
        }
    }
    if redis.len() != image.len() {
        differences.push(format!("\n{} answers by Redis, {}", redis.len(), image.len()));
    }
    match differences.is_empty() {
        true => Ok(()),
        false => bail!("{}", differences.concat()),
    }
}

/// Returns the first and the last part of a long text.
fn shorten(text: &str) -> String {
    if text.len() <= SHOWN_MAX {
        return text.to_owned();
    }
    // The escaped text consists of ASCII characters, so it can be cut at any byte.
    let (start, end) = (&text[..SHOWN_MAX / 2], &text[text.len() - SHOWN_MAX / 2..]);
    format!("{start} … {} bytes … {end}", text.len() - SHOWN_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rule::Rule;
    use talk::Answer;

    fn exchange(request: &str, answer: &str) -> Exchange {
        let answer = Answer::Bytes(answer.as_bytes().to_vec());
        Exchange { request: request.to_owned(), rule: Rule::Exact, answer }
    }

    #[test]
    fn one_different_byte_is_a_failure() {
        let redis = [exchange("PING", "+PONG\r\n"), exchange("GET k", "$-1\r\n")];
        let mut image = redis.clone();
        let mut allowed = AllowedDifferences::default();
        differ(&redis, &image, &mut allowed).unwrap();
        image[1] = exchange("GET k", "*-1\r\n");
        let error = differ(&redis, &image, &mut allowed).unwrap_err().to_string();
        assert!(error.contains("GET k\n    Redis $-1\\r\\n\n    image *-1\\r\\n"), "{error}");
        assert!(differ(&redis, &redis[..1], &mut allowed).is_err(), "an answer is missing");
    }
}

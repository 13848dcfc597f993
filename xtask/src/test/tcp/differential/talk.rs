//! Runs one case against one server.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::corpus::DifferentialCase;
use super::frame::Frame;
use super::rule::Rule;
use super::step::Action;
use crate::resp;

/// Maximum time of a reply.
const REPLY_LIMIT: Duration = Duration::from_secs(5);
/// A connection on which the case itself has sent `RESET` is finished after this time without bytes.
const QUIET: Duration = Duration::from_millis(200);
/// Maximum time of the reply to the final `RESET`. It is short, because a case may make the server silent.
const END_LIMIT: Duration = Duration::from_secs(3);
/// Maximum time of that reply if the other server has sent one.
const LATE_END_LIMIT: Duration = Duration::from_secs(15);

/// The reply to the final `RESET` on every connection. All bytes before it belong to earlier requests.
const RESET_REPLY: &[u8] = b"+RESET\r\n";

/// The answer of a server to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Complete replies.
    Bytes(Vec<u8>),
    /// These bytes were received before the connection ended.
    Closed(Vec<u8>),
    /// These bytes were received within the time limit, which then passed without further bytes.
    Silent(Vec<u8>),
    /// These bytes were received, and violate the protocol.
    Garbage(Vec<u8>),
}

/// A request and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Exchange {
    /// The request as written in the case.
    pub(super) request: String,
    /// The rule by which the answers are compared.
    pub(super) rule: Rule,
    /// The answer.
    pub(super) answer: Answer,
}

/// Runs a case in one version of the protocol. `first` contains the answers of the other server, if it ran
/// first.
///
/// # Errors
/// The server cannot be reached.
pub(super) fn hold(
    address: SocketAddr,
    case: &DifferentialCase,
    protocol: u8,
    first: Option<&[Exchange]>,
) -> anyhow::Result<Vec<Exchange>> {
    let greets = protocol == 3 && !case.demands.password;
    let mut lines: Vec<Option<ServerConnection>> = Vec::new();
    let mut exchanges = Vec::new();
    for step in &case.steps {
        let (connection, bytes, waits) = match &step.action {
            Action::Sleep(time) => {
                std::thread::sleep(*time);
                continue;
            }
            Action::Send { connection, bytes, waits } => (*connection, bytes, *waits),
        };
        if lines.len() <= connection {
            lines.resize_with(connection + 1, || None);
        }
        let line = match &mut lines[connection] {
            Some(line) => line,
            place => place.insert(ServerConnection::open(address, greets)?),
        };
        line.send(bytes);
        line.hurries |= !waits;
        if !line.hurries {
            let answer = line.reply();
            let silent = matches!(answer, Answer::Silent(_) | Answer::Garbage(_));
            let (request, rule) = (step.text.clone(), step.rule.clone());
            exchanges.push(Exchange { request, rule, answer });
            if silent {
                return Ok(exchanges);
            }
        }
    }
    for (index, line) in lines.iter_mut().enumerate() {
        let Some(line) = line else { continue };
        let request = format!("<the end of connection {}>", index + 1);
        let other = first.and_then(|first| first.get(exchanges.len())).map(|other| &other.answer);
        let limit = match other {
            None | Some(Answer::Silent(_)) => END_LIMIT,
            Some(_) => LATE_END_LIMIT,
        };
        exchanges.push(Exchange { request, rule: Rule::Exact, answer: line.end(limit) });
    }
    Ok(exchanges)
}

/// A connection to the server under test.
struct ServerConnection {
    stream: TcpStream,
    received: Vec<u8>,
    /// Whether requests are sent without waiting for their replies.
    hurries: bool,
    /// Whether the case itself has sent `RESET` on this connection.
    is_reset: bool,
    closed: bool,
}

impl ServerConnection {
    fn open(address: SocketAddr, greets: bool) -> anyhow::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, REPLY_LIMIT).context("cannot connect")?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(REPLY_LIMIT))?;
        let mut line =
            Self { stream, received: Vec::new(), hurries: false, is_reset: false, closed: false };
        if greets {
            line.send(&resp::encode(&["HELLO", "3"]));
            let answer = line.reply();
            let greeted = matches!(&answer, Answer::Bytes(bytes) if bytes.starts_with(b"%"));
            ensure!(greeted, "HELLO 3 answers {}", answer.show());
        }
        Ok(line)
    }

    /// Sends bytes. If the server has closed the connection, the next answer shows that.
    fn send(&mut self, bytes: &[u8]) {
        self.is_reset |= bytes.to_ascii_uppercase().windows(5).any(|word| word == b"RESET");
        let _ = self.stream.write_all(bytes);
    }

    /// Reads the next reply.
    fn reply(&mut self) -> Answer {
        let deadline = Instant::now() + REPLY_LIMIT;
        loop {
            match Frame::read(&self.received) {
                Ok(Some((_, length))) => {
                    return Answer::Bytes(self.received.drain(..length).collect());
                }
                Ok(None) => {}
                Err(_) => return Answer::Garbage(std::mem::take(&mut self.received)),
            }
            if !self.receive(deadline) {
                return self.rest();
            }
        }
    }

    /// Sends a final `RESET`. Returns all bytes before the reply to it.
    fn end(&mut self, limit: Duration) -> Answer {
        let is_reset = self.is_reset;
        self.send(&resp::encode(&["RESET"]));
        let deadline = Instant::now() + limit;
        loop {
            if let Some(before) = self.received.strip_suffix(RESET_REPLY) {
                let before = before.to_vec();
                // This may be the reply to a `RESET` of the case, and further bytes may follow.
                if !is_reset || !self.has_more() {
                    return Answer::Bytes(before);
                }
            }
            if !self.receive(deadline) {
                return self.rest();
            }
        }
    }

    /// Returns whether further bytes arrive within a short time.
    fn has_more(&mut self) -> bool {
        let count = self.received.len();
        self.receive(Instant::now() + QUIET);
        self.received.len() > count
    }

    fn rest(&mut self) -> Answer {
        let bytes = std::mem::take(&mut self.received);
        if self.closed { Answer::Closed(bytes) } else { Answer::Silent(bytes) }
    }

    /// Waits for more bytes. Returns `false` if the connection has ended or `deadline` has passed.
    fn receive(&mut self, deadline: Instant) -> bool {
        let rest = deadline.saturating_duration_since(Instant::now());
        if self.closed || rest.is_zero() || self.stream.set_read_timeout(Some(rest)).is_err() {
            return false;
        }
        let mut chunk = [0; 65536];
        match self.stream.read(&mut chunk) {
            Ok(0) => self.closed = true,
            Ok(count) => self.received.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.closed = true,
        }
        !self.closed
    }
}

impl Answer {
    /// Formats the answer on one line.
    pub(super) fn show(&self) -> String {
        let (bytes, end) = match self {
            Self::Bytes(bytes) => (bytes, ""),
            Self::Closed(bytes) => (bytes, "<closed>"),
            Self::Silent(bytes) => (bytes, "<silence>"),
            Self::Garbage(bytes) => (bytes, "<not the protocol>"),
        };
        // Quotes need no escape in this format.
        bytes.escape_ascii().to_string().replace("\\'", "'").replace("\\\"", "\"") + end
    }

    /// Returns whether two answers are equal under a rule.
    pub(super) fn alike(&self, other: &Self, rule: &Rule) -> bool {
        match (self, other) {
            (Self::Bytes(one), Self::Bytes(other)) if *rule != Rule::Exact => {
                match (Frame::read(one), Frame::read(other)) {
                    (Ok(Some((one, _))), Ok(Some((other, _)))) => rule.alike(&one, &other),
                    _ => false,
                }
            }
            _ => self == other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_rule_each_byte_counts() {
        let bytes = |text: &str| Answer::Bytes(text.as_bytes().to_vec());
        assert!(bytes(":1\r\n").alike(&bytes(":1\r\n"), &Rule::Exact));
        assert!(!bytes(":1\r\n").alike(&bytes(":01\r\n"), &Rule::Exact));
        assert!(!bytes("").alike(&Answer::Closed(Vec::new()), &Rule::Exact));
        assert!(bytes(":1\r\n").alike(&bytes(":2\r\n"), &Rule::Near(1)));
        assert!(!bytes("").alike(&Answer::Silent(Vec::new()), &Rule::Positive));
    }

    #[test]
    fn a_reset_of_the_case_is_not_its_end() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"+OK\r\n+RESET\r\n").unwrap();
            std::thread::sleep(QUIET / 4);
            stream.write_all(b":1\r\n+RESET\r\n").unwrap();
            stream
        });
        let mut line = ServerConnection::open(address, false).unwrap();
        line.send(b"RESET\r\n");
        let all = Answer::Bytes(b"+OK\r\n+RESET\r\n:1\r\n".to_vec());
        assert_eq!(line.end(END_LIMIT), all);
        drop(server.join().unwrap());
    }
}

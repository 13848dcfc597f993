//! A connection to the RESP service.

use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::encode::encode;
use super::reply::Reply;

/// Maximum time of a connect. The host accepts connections for a running guest.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Maximum time of one reply. It is longer than any single command of the service takes.
const REPLY_LIMIT: Duration = Duration::from_secs(60);

/// A connection that sends commands and reads replies.
#[derive(Debug)]
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Opens a connection.
    ///
    /// # Errors
    /// No server listens at the address, or the time limit has passed.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        Self::from_stream(TcpStream::connect_timeout(&address, CONNECT_LIMIT)?)
    }

    /// Uses a stream that was opened with other options.
    ///
    /// # Errors
    /// The options of the stream cannot be set.
    pub(crate) fn from_stream(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_LIMIT))?;
        stream.set_write_timeout(Some(REPLY_LIMIT))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends a command, and reads its reply.
    ///
    /// # Errors
    /// The connection failed. An error reply is a normal reply.
    pub(crate) fn call<T: AsRef<[u8]>>(&mut self, words: &[T]) -> io::Result<Reply> {
        self.send(&encode(words))?;
        self.receive()
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// The connection failed.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads one reply.
    ///
    /// # Errors
    /// The connection failed or ended, or the time limit is exceeded.
    pub(crate) fn receive(&mut self) -> io::Result<Reply> {
        Reply::read(&mut self.stream)
    }
}

/// Returns whether a server answers a `PING` within the time limit.
pub(crate) fn pongs(address: SocketAddr, limit: Duration) -> bool {
    let attempt = || -> io::Result<Reply> {
        let mut stream = TcpStream::connect_timeout(&address, limit)?;
        stream.set_read_timeout(Some(limit))?;
        stream.write_all(&encode(&["PING"]))?;
        Reply::read(&mut BufReader::new(stream))
    };
    attempt().is_ok_and(|reply| match reply {
        Reply::Status(text) => text == "PONG",
        // A server with a password sends this error for every command except AUTH and HELLO.
        Reply::Error(text) => text.starts_with("NOAUTH "),
        _ => false,
    })
}

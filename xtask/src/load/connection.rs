//! A connection between a simulated client and the image.

use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpStream;

use crate::resp::{self, Reply, frame};

/// Maximum time until the first PONG. The host accepts a connection before the guest does.
const PONG_LIMIT: Duration = Duration::from_secs(10);
/// Maximum number of bytes of one read.
const READ_BYTES: usize = 64 << 10;
/// Buffers that are larger than this number of bytes are freed when they are empty.
const KEPT_BYTES: usize = 1 << 20;

/// A non-blocking connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    /// The buffer for one read.
    piece: Vec<u8>,
    input: Vec<u8>,
    taken: usize,
    output: Vec<u8>,
    written: usize,
}

impl Connection {
    /// Connects, and waits for one PONG.
    ///
    /// # Errors
    /// The server does not answer, or with another reply.
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        let mut stream = std::net::TcpStream::connect_timeout(&address, PONG_LIMIT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PONG_LIMIT))?;
        stream.write_all(&resp::encode(&["PING"]))?;
        let reply = Reply::read(&mut BufReader::new(&stream))?;
        if reply != Reply::Status("PONG".to_owned()) {
            let text = format!("PING answers {}", reply.terminal().trim_end());
            return Err(io::Error::new(ErrorKind::ConnectionRefused, text));
        }
        stream.set_nonblocking(true)?;
        let (piece, input, output) = (vec![0; READ_BYTES], Vec::new(), Vec::new());
        let stream = TcpStream::from_std(stream);
        Ok(Self { stream, piece, input, taken: 0, output, written: 0 })
    }

    /// Returns the stream that is watched for events.
    pub(super) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Returns the buffer to which requests are appended.
    pub(super) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Reads all bytes that are available.
    ///
    /// # Errors
    /// The connection failed or ended. Replies that arrived before can still be taken.
    pub(super) fn receive(&mut self) -> io::Result<()> {
        self.input.drain(..self.taken);
        self.taken = 0;
        loop {
            match self.stream.read(&mut self.piece) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.input.extend_from_slice(&self.piece[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns the next reply, or `None` if it has not arrived completely.
    ///
    /// # Errors
    /// The received bytes are not a reply.
    pub(super) fn reply(&mut self) -> io::Result<Option<Reply>> {
        let rest = &self.input[self.taken..];
        let Some(length) = frame::whole(rest)? else { return Ok(None) };
        let reply = Reply::read(&mut &rest[..length])?;
        self.taken += length;
        Ok(Some(reply))
    }

    /// Returns the number of received bytes of an incomplete reply, and the number of unsent bytes of
    /// requests.
    pub(super) fn pending(&self) -> (usize, usize) {
        (self.input.len() - self.taken, self.output.len() - self.written)
    }

    /// Sends as many bytes as the socket accepts.
    ///
    /// # Errors
    /// The connection failed.
    pub(super) fn send(&mut self) -> io::Result<()> {
        while self.written < self.output.len() {
            match self.stream.write(&self.output[self.written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.output.clear();
        self.output.shrink_to(KEPT_BYTES);
        self.written = 0;
        Ok(())
    }
}

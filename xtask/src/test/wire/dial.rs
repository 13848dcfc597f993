//! Kernel connections with a chosen source address, port and options.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::namespace::Namespace;
use crate::resp::Client;

/// The options of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dial {
    /// The source address and port; zeros leave the choice to the kernel.
    pub(super) from: SocketAddrV4,
    /// The largest segment size, if it is not the device's.
    pub(super) mss: Option<u32>,
    /// Bytes of the receive buffer, if they are not the kernel's choice.
    pub(super) receive_buffer: Option<usize>,
    /// Time limit of the handshake, a read and a write.
    pub(super) limit: Duration,
}

impl Dial {
    /// A connection without options.
    pub(super) const PLAIN: Self = Self {
        from: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0),
        mss: None,
        receive_buffer: None,
        limit: Duration::from_secs(10),
    };

    /// Makes a connection from an address.
    pub(super) fn from(address: Ipv4Addr, port: u16) -> Self {
        Self { from: SocketAddrV4::new(address, port), ..Self::PLAIN }
    }

    /// Returns the same with another time limit.
    pub(super) fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Connects from a network.
    ///
    /// # Errors
    /// The server refuses, or does not answer in time.
    pub(super) fn stream(self, namespace: &Namespace, to: SocketAddrV4) -> io::Result<TcpStream> {
        namespace.within(|| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            if let Some(mss) = self.mss {
                socket.set_tcp_mss(mss)?;
            }
            if let Some(bytes) = self.receive_buffer {
                socket.set_recv_buffer_size(bytes)?;
            }
            // A port that the kernel chooses must be free.
            socket.set_reuse_address(self.from.port() != 0)?;
            if self.from != Self::PLAIN.from {
                socket.bind(&self.from.into())?;
            }
            socket.connect_timeout(&to.into(), self.limit)?;
            let stream = TcpStream::from(socket);
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(self.limit))?;
            stream.set_write_timeout(Some(self.limit))?;
            Ok(stream)
        })
    }

    /// Connects a client of the service.
    ///
    /// # Errors
    /// As [`Dial::stream`].
    pub(super) fn client(self, namespace: &Namespace, to: SocketAddrV4) -> io::Result<Client> {
        let stream = self.stream(namespace, to)?;
        let client = Client::from_stream(stream.try_clone()?)?;
        // The limit belongs to the socket and applies to all its handles.
        stream.set_read_timeout(Some(self.limit))?;
        Ok(client)
    }
}

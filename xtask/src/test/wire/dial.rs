//! Opens connections of the kernel with a chosen source address, source port and options.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::namespace::Namespace;
use crate::resp::Client;

/// The options of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dial {
    /// The source address and port. If they are zero, the kernel chooses them.
    pub(super) from: SocketAddrV4,
    /// The largest segment size, if it differs from that of the device.
    pub(super) mss: Option<u32>,
    /// Size of the receive buffer in bytes, if the kernel must not choose it.
    pub(super) receive_buffer: Option<usize>,
    /// Maximum time of the handshake, of a read and of a write.
    pub(super) limit: Duration,
}

impl Dial {
    /// The options of a connection without special properties.
    pub(super) const PLAIN: Self = Self {
        from: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0),
        mss: None,
        receive_buffer: None,
        limit: Duration::from_secs(10),
    };

    /// Returns the options for a connection from this address and port.
    pub(super) fn from(address: Ipv4Addr, port: u16) -> Self {
        Self { from: SocketAddrV4::new(address, port), ..Self::PLAIN }
    }

    /// Returns the options with another time limit.
    pub(super) fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Opens a connection from `namespace`.
    ///
    /// # Errors
    /// The server refuses the connection, or does not answer in time.
    pub(super) fn stream(self, namespace: &Namespace, to: SocketAddrV4) -> io::Result<TcpStream> {
        namespace.within(|| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            if let Some(mss) = self.mss {
                socket.set_tcp_mss(mss)?;
            }
            if let Some(bytes) = self.receive_buffer {
                socket.set_recv_buffer_size(bytes)?;
            }
            // A port that the kernel chooses must be free, so reuse is enabled only for a chosen port.
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
        // The time limit belongs to the socket, so it applies to the cloned handle too.
        stream.set_read_timeout(Some(self.limit))?;
        Ok(client)
    }
}

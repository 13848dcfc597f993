//! A client that reads responses.

use runtime_config::ports;
use smoltcp::socket::tcp::State;

use crate::harness::{Client, World};

/// An HTTP connection, with its unread bytes.
pub(super) struct Reader {
    pub(super) client: Client,
    received: Vec<u8>,
}

/// A response.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    /// Returns the value of a field.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        field.map(|(_, value)| value.as_str())
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Reader {
    pub(super) fn connect(world: &mut World) -> Self {
        Self { client: world.connect_to(ports::HTTP), received: Vec::new() }
    }

    /// Begins a connection without waiting for it.
    pub(super) fn dial(world: &mut World) -> Self {
        Self { client: world.dial_to(ports::HTTP), received: Vec::new() }
    }

    pub(super) fn send(&mut self, world: &mut World, text: &str) {
        world.send(&mut self.client, text.as_bytes());
    }

    /// Closes the sending side.
    pub(super) fn finish(&mut self, world: &mut World) {
        world.close(&self.client);
    }

    pub(super) fn get(&mut self, world: &mut World, path: &str) -> Answer {
        self.ask(world, &format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
    }

    pub(super) fn ask(&mut self, world: &mut World, request: &str) -> Answer {
        self.send(world, request);
        self.answer(world)
    }

    /// Returns the next response, whose length follows from its head or its chunks.
    pub(super) fn answer(&mut self, world: &mut World) -> Answer {
        let mut answer = self.head(world);
        if answer.field("transfer-encoding") == Some("chunked") {
            loop {
                let line = self.line(world);
                let size = usize::from_str_radix(&line, 16).unwrap();
                let chunk = self.bytes(world, size);
                answer.body.extend(chunk);
                assert_eq!(self.line(world), "", "behind a chunk");
                if size == 0 {
                    return answer;
                }
            }
        }
        let length = answer.field("content-length").expect("no length and no chunks");
        let length = length.parse().unwrap();
        answer.body = self.bytes(world, length);
        answer
    }

    /// Returns the next response, which ends with the connection.
    pub(super) fn answer_to_end(&mut self, world: &mut World) -> Answer {
        let mut answer = self.head(world);
        self.wait_for_end(world);
        answer.body = std::mem::take(&mut self.received);
        answer
    }

    /// Returns the head of the next response.
    pub(super) fn head(&mut self, world: &mut World) -> Answer {
        let line = self.line(world);
        let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.split(' ').next());
        let status = status.and_then(|status| status.parse().ok());
        let mut answer =
            Answer { status: status.expect(&line), fields: Vec::new(), body: Vec::new() };
        loop {
            let line = self.line(world);
            let Some((name, value)) = line.split_once(": ") else {
                assert_eq!(line, "");
                return answer;
            };
            answer.fields.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Returns whether all received bytes were read.
    pub(super) fn is_drained(&mut self, world: &mut World) -> bool {
        self.collect(world);
        self.received.is_empty()
    }

    /// Waits for the end of the connection, and checks that no byte arrives before.
    pub(super) fn expect_end(&mut self, world: &mut World) {
        self.wait_for_end(world);
        assert!(self.received.is_empty(), "{:?}", String::from_utf8_lossy(&self.received));
    }

    fn wait_for_end(&mut self, world: &mut World) {
        world.wait("the end", |world| {
            self.collect(world);
            world.has_ended(&self.client)
        });
        assert_ne!(world.socket(&self.client).state(), State::Closed, "the server sent a reset");
    }

    fn line(&mut self, world: &mut World) -> String {
        let mut end = 0;
        world.wait("a line", |world| {
            self.collect(world);
            let found = self.received.windows(2).position(|pair| pair == b"\r\n");
            end = found.unwrap_or(0);
            found.is_some()
        });
        let line: Vec<u8> = self.received.drain(..end + 2).collect();
        String::from_utf8(line[..end].to_vec()).unwrap()
    }

    fn bytes(&mut self, world: &mut World, length: usize) -> Vec<u8> {
        world.wait("a body", |world| {
            self.collect(world);
            self.received.len() >= length
        });
        self.received.drain(..length).collect()
    }

    fn collect(&mut self, world: &mut World) {
        let bytes = world.take(&mut self.client, usize::MAX);
        self.received.extend(bytes);
    }
}

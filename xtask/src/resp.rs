//! The client side of RESP2 and RESP3. The image has a server side of its own, so the tests compare two
//! implementations.

pub(crate) mod client;
mod encode;
pub(crate) mod frame;
mod print;
mod read;
mod reply;
pub(crate) mod words;

pub(crate) use client::Client;
pub(crate) use encode::encode;
pub(crate) use reply::Reply;

#[cfg(test)]
mod tests;

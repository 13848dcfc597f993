//! A small server of regions for tests. It has a configurable flaw that the load must detect.

use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use crate::resp::Reply;
use crate::workload::PAGE;

/// The flaw of the server. It occurs only in some replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    None,
    /// A new region contains the bytes of another region.
    Dirty,
    /// The last byte of a write is lost.
    Short,
    /// A region lies on the guard page of another region.
    NoGuard,
    /// A region overlaps another region, and shares its bytes.
    Shared,
    /// Every client can access every region.
    Open,
    /// The added bytes of a grown region are not zero.
    GrownDirty,
    /// A region that moves loses its last byte.
    MovedShort,
    /// A request that must succeed is refused.
    Refuses,
    /// A connection ends.
    HangsUp,
    /// A reply never arrives.
    Silent,
    /// A reply is malformed.
    Garbled,
    /// Memory is exhausted.
    Pressed,
}

/// The flaw occurs in one in this number of requests or regions.
const EVERY: u64 = 50;
/// The address of the first region.
const BASE: u64 = 0xffff_c900_0000_0000;

#[derive(Debug, Default)]
struct Regions {
    made: u64,
    served: u64,
    next: u64,
    /// Freed addresses, each with its length and its start.
    free: Vec<(u64, u64)>,
    live: BTreeMap<u64, Region>,
    names: BTreeMap<String, u64>,
}

#[derive(Debug)]
struct Region {
    owner: Option<u64>,
    start: u64,
    bytes: Arc<Mutex<Vec<u8>>>,
}

/// Starts the server on a free port. It runs until the test process ends.
pub(super) fn serve(flaw: Flaw) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let regions = Arc::new(Mutex::new(Regions::default()));
    std::thread::spawn(move || {
        for (owner, stream) in (1..).zip(listener.incoming()) {
            let (regions, stream) = (Arc::clone(&regions), stream.unwrap());
            std::thread::spawn(move || converse(flaw, &regions, owner, &stream));
        }
    });
    address
}

fn converse(flaw: Flaw, regions: &Mutex<Regions>, owner: u64, mut stream: &TcpStream) {
    let mut input = BufReader::new(stream);
    while let Ok(Reply::Array(Some(items))) = Reply::read(&mut input) {
        let word = |item| match item {
            Reply::Bulk(Some(bytes)) => bytes,
            _ => Vec::new(),
        };
        let words: Vec<Vec<u8>> = items.into_iter().map(word).collect();
        let reply = {
            let mut regions = regions.lock().unwrap_or_else(PoisonError::into_inner);
            regions.served += 1;
            let is_time = regions.served.is_multiple_of(EVERY);
            match flaw {
                Flaw::HangsUp if is_time => return,
                Flaw::Silent if is_time => continue,
                Flaw::Garbled if is_time => b"?\r\n".to_vec(),
                Flaw::Refuses if is_time => b"-ERR out of sorts\r\n".to_vec(),
                _ => regions
                    .answer(flaw, owner, &words)
                    .unwrap_or_else(|error| format!("-{error}\r\n").into_bytes()),
            }
        };
        if stream.write_all(&reply).is_err() {
            return;
        }
    }
}

impl Regions {
    fn answer(
        &mut self,
        flaw: Flaw,
        owner: u64,
        words: &[Vec<u8>],
    ) -> Result<Vec<u8>, &'static str> {
        let text = |index: usize| {
            let word = words.get(index).map(Vec::as_slice).unwrap_or_default();
            String::from_utf8_lossy(word).into_owned()
        };
        let number = |index: usize| text(index).parse::<usize>().map_err(|_| "INVAL a number");
        match text(0).as_str() {
            "PING" => Ok(b"+PONG\r\n".to_vec()),
            "VMALLOC" => self.allocate(flaw, owner, number(1)?, words.get(3).map(|_| text(3))),
            "VREAD" => {
                let (offset, end) = (number(2)?, number(2)? + number(3)?);
                let bytes = self.bytes(flaw, owner, &text(1))?;
                let bytes = bytes.lock().unwrap();
                let piece = bytes.get(offset..end).ok_or("RANGE")?;
                Ok([format!("${}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat())
            }
            "VWRITE" => {
                let (offset, data) = (number(2)?, words.get(3).ok_or("ERR")?);
                let is_short = flaw == Flaw::Short && self.served.is_multiple_of(EVERY);
                let bytes = self.bytes(flaw, owner, &text(1))?;
                let mut bytes = bytes.lock().unwrap();
                let piece = bytes.get_mut(offset..offset + data.len()).ok_or("RANGE")?;
                let kept = data.len() - usize::from(is_short);
                piece[..kept].copy_from_slice(&data[..kept]);
                Ok(format!(":{}\r\n", data.len()).into_bytes())
            }
            "VREALLOC" => self.resize(flaw, owner, &text(1), number(2)?),
            "VFREE" => {
                let id = self.find(flaw, owner, &text(1))?;
                let region = self.live.remove(&id).ok_or("NOENT")?;
                self.give_up(region.start, region.bytes.lock().unwrap().len());
                Ok(b":1\r\n".to_vec())
            }
            _ => Err("ERR unknown command"),
        }
    }

    fn allocate(
        &mut self,
        flaw: Flaw,
        owner: u64,
        size: usize,
        name: Option<String>,
    ) -> Result<Vec<u8>, &'static str> {
        self.made += 1;
        let is_time = self.made.is_multiple_of(EVERY);
        if flaw == Flaw::Pressed && is_time {
            return Err("NOMEM need 4 pages, 3 free");
        }
        let mut region = Region {
            owner: name.is_none().then_some(owner),
            start: self.range(size),
            bytes: Arc::new(Mutex::new(vec![0; size])),
        };
        let other = self.live.values().next_back();
        match (flaw, other) {
            (Flaw::Dirty, Some(_)) if is_time => region.bytes.lock().unwrap()[size - 1] = 7,
            (Flaw::NoGuard, Some(other)) if is_time => {
                region.start = other.start + pages(other.bytes.lock().unwrap().len());
            }
            (Flaw::Shared, Some(other)) if other.bytes.lock().unwrap().len() >= size => {
                // The addresses differ, so the flaw is visible only in the bytes.
                region.bytes = Arc::clone(&other.bytes);
            }
            _ => {}
        }
        let id = self.made;
        if let Some(name) = name {
            self.names.insert(name, id);
        }
        let reply = format!("*3\r\n{}", place_of(id, region.start, size));
        self.live.insert(id, region);
        Ok(reply.into_bytes())
    }

    fn resize(
        &mut self,
        flaw: Flaw,
        owner: u64,
        text: &str,
        size: usize,
    ) -> Result<Vec<u8>, &'static str> {
        let id = self.find(flaw, owner, text)?;
        let is_time = self.served.is_multiple_of(EVERY);
        let range = self.live.get(&id).map(|region| (region.start, Arc::clone(&region.bytes)));
        let (mut start, bytes) = range.ok_or("NOENT")?;
        let mut bytes = bytes.lock().unwrap();
        let old = bytes.len();
        bytes.resize(size, 0);
        let how = match pages(size).cmp(&pages(old)) {
            std::cmp::Ordering::Less => "shrunk",
            std::cmp::Ordering::Equal => "same",
            std::cmp::Ordering::Greater => {
                self.give_up(start, old);
                start = self.range(size);
                "moved"
            }
        };
        if flaw == Flaw::GrownDirty && is_time && size > old {
            bytes[size - 1] = 9;
        }
        if flaw == Flaw::MovedShort && how == "moved" {
            bytes[old - 1] = 0;
        }
        self.live.entry(id).and_modify(|region| region.start = start);
        let range = place_of(id, start, size);
        Ok(format!("*4\r\n{range}${}\r\n{how}\r\n", how.len()).into_bytes())
    }

    /// Returns recently freed addresses if they have the right length: the reuse of addresses is the case
    /// that matters most.
    fn range(&mut self, size: usize) -> u64 {
        let length = pages(size) + PAGE;
        if let Some(index) = self.free.iter().rposition(|(free, _)| *free == length) {
            return self.free.swap_remove(index).1;
        }
        let start = BASE + self.next;
        self.next += length;
        start
    }

    fn give_up(&mut self, start: u64, size: usize) {
        self.free.push((pages(size) + PAGE, start));
    }

    fn find(&self, flaw: Flaw, owner: u64, text: &str) -> Result<u64, &'static str> {
        let id = match text.strip_prefix('@') {
            Some(name) => self.names.get(name).copied(),
            None => text.parse().ok(),
        };
        let id = id.ok_or("NOENT")?;
        let region = self.live.get(&id).ok_or("NOENT")?;
        let is_free = flaw == Flaw::Open || region.owner.is_none_or(|other| other == owner);
        if is_free { Ok(id) } else { Err("PERM") }
    }

    fn bytes(
        &self,
        flaw: Flaw,
        owner: u64,
        text: &str,
    ) -> Result<Arc<Mutex<Vec<u8>>>, &'static str> {
        let id = self.find(flaw, owner, text)?;
        self.live.get(&id).map(|region| Arc::clone(&region.bytes)).ok_or("NOENT")
    }
}

fn pages(size: usize) -> u64 {
    (size as u64).next_multiple_of(PAGE)
}

fn place_of(id: u64, start: u64, size: usize) -> String {
    let address = format!("{start:#x}");
    format!(":{id}\r\n${}\r\n{address}\r\n:{}\r\n", address.len(), pages(size))
}

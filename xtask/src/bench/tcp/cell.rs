//! Defines the measurements: a request, a number of clients, and a server.

use std::fmt;

use crate::runtime::Runtime;

/// The number of names from which requests choose one at random.
pub(super) const NAMES: u32 = 1000;
/// The numbers of clients. The next constant has the numbers of requests that each client keeps in flight.
const CLIENTS: [u32; 3] = [1, 50, 200];
const DEPTHS: [u32; 2] = [1, 16];
/// The requests that are measured, in the order of the table.
const REQUESTS: [BenchRequest; 7] = [
    BenchRequest::Ping,
    BenchRequest::Vmalloc(4096),
    BenchRequest::Vmalloc(65_536),
    BenchRequest::Set(64),
    BenchRequest::Get(64),
    BenchRequest::Set(16_384),
    BenchRequest::Get(16_384),
];

/// A request, with the length of its data in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum BenchRequest {
    /// `PING`.
    Ping,
    /// `VMALLOC … NAME … REPLACE SOFT`: allocates a region, and frees the region that had the name.
    Vmalloc(u32),
    /// `SET`.
    Set(u32),
    /// `GET` of a name that has a value.
    Get(u32),
}

impl BenchRequest {
    /// Returns the request to Redis that corresponds to this one, because Redis has no `VMALLOC`.
    pub(super) fn beside(self) -> Self {
        match self {
            Self::Vmalloc(_) => Self::Set(64),
            other => other,
        }
    }

    /// Returns the arguments of `redis-benchmark` for this request.
    pub(super) fn arguments(self) -> Vec<String> {
        let random = ["-r".to_owned(), NAMES.to_string()];
        let stock = |test: &str, bytes: u32| {
            [&random[..], &["-d", &bytes.to_string(), "-t", test].map(str::to_owned)].concat()
        };
        match self {
            Self::Ping => ["-t", "ping_mbulk"].map(str::to_owned).to_vec(),
            Self::Set(bytes) => stock("set", bytes),
            Self::Get(bytes) => stock("get", bytes),
            Self::Vmalloc(_) => [&random[..], &self.words("k:__rand_int__")].concat(),
        }
    }

    /// Returns the words of this request for one name.
    pub(super) fn words(self, name: &str) -> Vec<String> {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        match self {
            Self::Ping => words(&["PING"]),
            Self::Vmalloc(bytes) => {
                words(&["VMALLOC", &bytes.to_string(), "NAME", name, "REPLACE", "SOFT"])
            }
            Self::Set(bytes) => words(&["SET", name, &"x".repeat(bytes as usize)]),
            Self::Get(_) => words(&["GET", name]),
        }
    }
}

impl fmt::Display for BenchRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, bytes) = match *self {
            Self::Ping => return f.write_str("PING"),
            Self::Vmalloc(bytes) => ("VMALLOC", bytes),
            Self::Set(bytes) => ("SET", bytes),
            Self::Get(bytes) => ("GET", bytes),
        };
        if bytes.is_multiple_of(1024) {
            write!(f, "{word} {} KiB", bytes / 1024)
        } else {
            write!(f, "{word} {bytes} B")
        }
    }
}

/// A row of the table: a request that a number of clients send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cell {
    pub(super) request: BenchRequest,
    pub(super) clients: u32,
    /// The number of requests that each client keeps in flight.
    pub(super) depth: u32,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { request, clients, depth } = self;
        let plural = if *clients == 1 { "" } else { "s" };
        write!(f, "{request}, {clients} client{plural}, {depth} pipelined")
    }
}

/// Returns all cells whose names contain `part`.
pub(super) fn cells(part: &str) -> Vec<Cell> {
    let mut all = Vec::new();
    for request in REQUESTS {
        for depth in DEPTHS {
            all.extend(CLIENTS.map(|clients| Cell { request, clients, depth }));
        }
    }
    all.retain(|cell| cell.to_string().contains(part));
    all
}

/// The server that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SystemUnderTest {
    /// The image on this runtime.
    Image(Runtime),
    /// Redis in a Linux guest.
    Guest,
    /// Redis on this host.
    Native,
}

impl fmt::Display for SystemUnderTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(Runtime::Bare) => f.write_str("image"),
            Self::Image(runtime) => write!(f, "image on {runtime}"),
            Self::Guest => f.write_str("Redis in Linux"),
            Self::Native => f.write_str("native Redis"),
        }
    }
}

/// One measurement: a cell and a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Job {
    pub(super) system: SystemUnderTest,
    pub(super) cell: Cell,
}

impl Job {
    /// Returns the measurement of a server that belongs into the row of the image's cell.
    pub(super) fn beside(cell: Cell, system: SystemUnderTest) -> Self {
        let request = match system {
            SystemUnderTest::Image(_) => cell.request,
            SystemUnderTest::Guest | SystemUnderTest::Native => cell.request.beside(),
        };
        Self { system, cell: Cell { request, ..cell } }
    }
}

/// Returns the measurements that the cells need, without repetitions. Those of the images come first,
/// alternately, and those of the other servers follow.
pub(super) fn jobs(cells: &[Cell], runtimes: &[Runtime]) -> Vec<Job> {
    let images = runtimes.iter().map(|&runtime| SystemUnderTest::Image(runtime));
    let all: Vec<_> = images.chain([SystemUnderTest::Guest, SystemUnderTest::Native]).collect();
    let mut jobs = Vec::new();
    for &cell in cells {
        for &system in &all {
            let job = Job::beside(cell, system);
            if !jobs.contains(&job) {
                jobs.push(job);
            }
        }
    }
    jobs
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: SystemUnderTest = SystemUnderTest::Image(Runtime::Bare);

    #[test]
    fn a_part_of_the_name_selects() {
        assert_eq!(cells("").len(), REQUESTS.len() * CLIENTS.len() * DEPTHS.len());
        let names: Vec<_> = cells("GET 64 B, 50").iter().map(Cell::to_string).collect();
        assert_eq!(
            names,
            ["GET 64 B, 50 clients, 1 pipelined", "GET 64 B, 50 clients, 16 pipelined"]
        );
        assert_eq!(cells("PING, 1 client, 1 p").len(), 1);
        assert!(cells("DEL").is_empty());
    }

    #[test]
    fn redis_sets_for_an_allocation_and_only_once() {
        let all = jobs(&cells("50 clients, 1 pipelined"), &[Runtime::Bare]);
        let sets = all.iter().filter(|job| job.cell.request == BenchRequest::Set(64));
        assert_eq!(
            sets.map(|job| job.system).collect::<Vec<_>>(),
            [SystemUnderTest::Guest, SystemUnderTest::Native, IMAGE]
        );
        let allocations =
            all.iter().filter(|job| matches!(job.cell.request, BenchRequest::Vmalloc(_)));
        assert!(
            allocations.clone().count() == 2 && allocations.clone().all(|job| job.system == IMAGE)
        );
    }

    #[test]
    fn two_runtimes_are_measured_alternately_beside_one_redis() {
        let all = jobs(&cells("PING, 1 client, 1 p"), &[Runtime::Bare, Runtime::Hermit]);
        let names: Vec<_> = all.iter().map(|job| job.system.to_string()).collect();
        assert_eq!(names, ["image", "image on hermit", "Redis in Linux", "native Redis"]);
    }

    #[test]
    fn the_arguments_match_the_table() {
        assert_eq!(
            BenchRequest::Vmalloc(4096).arguments().join(" "),
            "-r 1000 VMALLOC 4096 NAME k:__rand_int__ REPLACE SOFT"
        );
        assert_eq!(BenchRequest::Get(64).arguments().join(" "), "-r 1000 -d 64 -t get");
        assert_eq!(BenchRequest::Ping.arguments().join(" "), "-t ping_mbulk");
        assert_eq!(BenchRequest::Set(3).words("a"), ["SET", "a", "xxx"]);
    }
}

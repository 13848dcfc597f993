//! The rows of the service in the table of counters.

use vmalloc::{Family, Row};

use super::counters::{Counters, Ending, HITS};

const UPTIME: &Family = &Family::gauge("vmalloc_uptime_seconds", "Seconds since boot.");
const START: &Family =
    &Family::gauge("process_start_time_seconds", "When the image booted, in seconds since 1970.");
const REGIONS: &Family = &Family::gauge("vmalloc_service_regions", "Regions that clients have.");
const NAMES: &Family = &Family::gauge("vmalloc_service_names", "Names of regions.");
const COMMANDS: &Family =
    &Family::counter("vmalloc_resp_requests_total", "Requests that were answered.");
const ERRORS: &Family = &Family::counter("vmalloc_resp_errors_total", "Replies that were errors.");
const PROTOCOL_ERRORS: &Family = &Family::counter(
    "vmalloc_resp_protocol_errors_total",
    "Connections closed because their bytes made no sense.",
);
const SPILLED: &Family = &Family::counter(
    "vmalloc_resp_replies_spilled_total",
    "Replies that needed a buffer of their own.",
);
const STREAMED: &Family = &Family::counter(
    "vmalloc_resp_replies_streamed_total",
    "Replies that were copied out of a region as they were sent.",
);
const SLOW: &Family = &Family::counter(
    "vmalloc_resp_clients_slow_total",
    "Connections closed because they took a streamed reply too slowly.",
);
const SUBMITTED: &Family =
    &Family::counter("vmalloc_service_errands_total", "Operations that were submitted to APs.");
const HIT: &Family =
    &Family::counter("vmalloc_guard_hits_total", "Faults that VPROBE met, by kind.");
const TURNS: &Family = &Family::counter("vmalloc_loop_turns_total", "Turns of the loop.");
const TURNS_LONG: &Family =
    &Family::counter("vmalloc_loop_turns_long_total", "Turns that took more than 2 ms.");
const CLIENTS: &Family = &Family::gauge("vmalloc_resp_clients", "Clients that are connected.");
const CLIENTS_PEAK: &Family =
    &Family::gauge("vmalloc_resp_clients_peak", "The most that ever were.");
const CONNECTIONS: &Family =
    &Family::counter("vmalloc_resp_connections_total", "Connections that were accepted.");
const CONNECTIONS_REFUSED: &Family = &Family::counter(
    "vmalloc_resp_connections_refused_total",
    "Connections beyond the limit of clients.",
);
const CONNECTIONS_LOST: &Family = &Family::counter(
    "vmalloc_resp_connections_lost_total",
    "Connections that were reset or timed out.",
);
const SOCKETS_WIDE: &Family =
    &Family::gauge("vmalloc_tcp_sockets_wide", "Sockets of RESP with wide buffers, by use.");
const SOCKET_BUFFERS: &Family =
    &Family::gauge("vmalloc_tcp_buffer_bytes", "Bytes of socket buffers by service.");
const CONNECTIONS_ENDED: &Family = &Family::counter(
    "vmalloc_resp_connections_ended_total",
    "Connections of clients that have ended, by reason.",
);
const DROPPED: &Family = &Family::counter(
    "vmalloc_net_dropped_total",
    "Packets and connections that the network dropped, by reason.",
);
const BYTES: &Family =
    &Family::counter("vmalloc_resp_bytes_total", "Bytes of requests and replies.");
const SOCKETS: &Family = &Family::gauge("vmalloc_tcp_sockets", "Sockets by service and state.");
const HTTP_REQUESTS: &Family =
    &Family::counter("vmalloc_http_requests_total", "HTTP requests that were answered.");
const HTTP_ERRORS: &Family =
    &Family::counter("vmalloc_http_errors_total", "Those that were answered with an error.");
const HTTP_CLIENTS: &Family =
    &Family::gauge("vmalloc_http_clients", "HTTP connections that have a place.");
const HTTP_CONNECTIONS: &Family =
    &Family::counter("vmalloc_http_connections_total", "Connections that were accepted.");
const HTTP_REFUSED: &Family = &Family::counter(
    "vmalloc_http_connections_refused_total",
    "Connections that were refused because all places were taken.",
);
const HTTP_EVICTED: &Family = &Family::counter(
    "vmalloc_http_connections_evicted_total",
    "Connections that gave their place to another one.",
);
const HTTP_TIMEOUTS: &Family = &Family::counter(
    "vmalloc_http_timeouts_total",
    "Connections closed because nothing came or nothing was read.",
);
const HTTP_BYTES: &Family =
    &Family::counter("vmalloc_http_sent_bytes_total", "Bytes of HTTP answers.");

/// The row names of [`Counters::hits`].
const HIT_ROWS: [&str; HITS.len()] = [
    "probes_guard",
    "probes_lazy",
    "probes_free",
    "probes_not_present",
    "probes_read_only",
    "probes_no_execute",
    "probes_outside",
];

/// The labels and the name of each row of [`Counters::sockets`]: service, state, and row name.
const SOCKET_ROWS: [(&str, &str, &str); 10] = [
    ("resp", "listening", "resp_sockets_listening"),
    ("resp", "handshaking", "resp_sockets_handshaking"),
    ("resp", "open", "resp_sockets_open"),
    ("resp", "closing", "resp_sockets_closing"),
    ("resp", "idle", "resp_sockets_idle"),
    ("http", "listening", "http_sockets_listening"),
    ("http", "handshaking", "http_sockets_handshaking"),
    ("http", "open", "http_sockets_open"),
    ("http", "closing", "http_sockets_closing"),
    ("http", "idle", "http_sockets_idle"),
];

/// Present numbers of the store and the workers, for the table of counters.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) struct Gauges {
    /// Seconds since boot.
    pub(in crate::service) uptime_s: u64,
    /// The time of boot in seconds since 1970, if known.
    pub(in crate::service) booted_at: Option<u64>,
    /// The present number of regions of clients.
    pub(in crate::service) regions: u64,
    /// The present number of names.
    pub(in crate::service) names: u64,
    /// Operations submitted to APs since boot.
    pub(in crate::service) submitted: u64,
}

/// Returns the rows of the service in the table of counters.
pub(in crate::service) fn rows(counters: &Counters, gauges: Gauges) -> impl Iterator<Item = Row> {
    let row = |name, value, family| Row::new("service", name, value, family);
    [
        row("uptime_seconds", gauges.uptime_s, UPTIME),
        row("regions", gauges.regions, REGIONS),
        row("names", gauges.names, NAMES),
        row("commands", counters.commands, COMMANDS),
        row("errors", counters.errors, ERRORS),
        row("protocol_errors", counters.protocol_errors, PROTOCOL_ERRORS),
        row("replies_spilled", counters.replies_spilled, SPILLED),
        row("replies_streamed", counters.replies_streamed, STREAMED),
        row("clients_slow", counters.clients_slow, SLOW),
        row("errands", gauges.submitted, SUBMITTED),
        row("turns", counters.turns, TURNS),
        row("turns_long", counters.turns_long, TURNS_LONG),
        Row::derived("service", "turn_us_max", counters.turn_us_max),
    ]
    .into_iter()
    .chain(gauges.booted_at.map(|seconds| row("start_time_seconds", seconds, START)))
    .chain(hits(counters))
    .chain(network(counters))
    .chain(reports(counters))
}

fn hits(counters: &Counters) -> impl Iterator<Item = Row> {
    let rows = HIT_ROWS.into_iter().zip(HITS).zip(counters.hits);
    rows.map(|((name, kind), value)| Row::new("service", name, value, HIT).label("kind", kind))
}

fn network(counters: &Counters) -> impl Iterator<Item = Row> {
    let row = |name, value, family| Row::new("net", name, value, family);
    let [wide, wide_idle] = counters.sockets_wide;
    let [resp_bytes, http_bytes] = counters.socket_buffer_bytes;
    let endings = Ending::ALL.into_iter().zip(counters.connections_ended);
    let dropped = counters.dropped.rows();
    let sockets = SOCKET_ROWS.into_iter().zip(counters.sockets.into_iter().flatten());
    [
        row("clients", counters.clients, CLIENTS),
        row("clients_peak", counters.clients_peak, CLIENTS_PEAK),
        row("connections", counters.connections, CONNECTIONS),
        row("connections_refused", counters.connections_refused, CONNECTIONS_REFUSED),
        row("connections_lost", counters.connections_lost, CONNECTIONS_LOST),
        row("bytes_received", counters.bytes_received, BYTES).label("direction", "received"),
        row("bytes_sent", counters.bytes_sent, BYTES).label("direction", "sent"),
        row("sockets_wide_used", wide - wide_idle, SOCKETS_WIDE).label("use", "used"),
        row("sockets_wide_idle", wide_idle, SOCKETS_WIDE).label("use", "idle"),
        row("resp_buffer_bytes", resp_bytes, SOCKET_BUFFERS).label("service", "resp"),
        row("http_buffer_bytes", http_bytes, SOCKET_BUFFERS).label("service", "http"),
    ]
    .into_iter()
    .chain(endings.map(move |(ending, value)| {
        row(ending.row(), value, CONNECTIONS_ENDED).label("reason", ending.word())
    }))
    .chain(sockets.map(move |((service, state, name), value)| {
        row(name, value, SOCKETS).label("service", service).label("state", state)
    }))
    .chain(
        dropped.map(move |(reason, name, value)| row(name, value, DROPPED).label("reason", reason)),
    )
}

fn reports(counters: &Counters) -> impl Iterator<Item = Row> {
    let row = |name, value, family| Row::new("http", name, value, family);
    [
        row("http_requests", counters.http_requests, HTTP_REQUESTS),
        row("http_errors", counters.http_errors, HTTP_ERRORS),
        row("http_clients", counters.http_clients, HTTP_CLIENTS),
        row("http_connections", counters.http_connections, HTTP_CONNECTIONS),
        row("http_refused", counters.http_refused, HTTP_REFUSED),
        row("http_evicted", counters.http_evicted, HTTP_EVICTED),
        row("http_timeouts", counters.http_timeouts, HTTP_TIMEOUTS),
        row("http_bytes_sent", counters.http_bytes_sent, HTTP_BYTES),
    ]
    .into_iter()
}

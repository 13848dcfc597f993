//! Reads the load average of the host, which shows how much other programs disturb a measurement.

/// Returns the load average of the last minute as the kernel writes it.
pub(crate) fn read() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}

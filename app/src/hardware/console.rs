//! Writes lines to the serial console: log records, and raw lines for faults, panics and test results.

use core::fmt::{self, Write};

use log::{LevelFilter, Log, Metadata, Record};
use runtime_config::console::LogLevel;
use spin::Mutex;

use crate::hardware::serial::RawSerial;

/// Held while a log record is written, so that the records of two CPUs are not mixed.
static LINE: Mutex<()> = Mutex::new(());

struct SerialLog;

impl Log for SerialLog {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let _line = LINE.lock();
        // The prefix is left out, because all records come from this crate.
        let target = record.target();
        let target = target.strip_prefix("app::").unwrap_or(target);
        raw(format_args!("{} {target}: {}", record.level(), record.args()));
    }

    fn flush(&self) {}
}

/// Writes log records up to `level` to COM1.
pub(crate) fn init(level: LogLevel) {
    // A second call has no effect.
    let _ = log::set_logger(&SerialLog);
    log::set_max_level(match level {
        LogLevel::Off => LevelFilter::Off,
        LogLevel::Error => LevelFilter::Error,
        LogLevel::Warn => LevelFilter::Warn,
        LogLevel::Info => LevelFilter::Info,
        LogLevel::Debug => LevelFilter::Debug,
        LogLevel::Trace => LevelFilter::Trace,
    });
}

/// Writes one line. If the previous line is unfinished, because a fault interrupted its writer, that line is ended
/// first.
///
/// # Context
///
/// Any, including fault handlers. Takes no lock and does not allocate.
pub(crate) fn raw(line: fmt::Arguments<'_>) {
    if RawSerial::is_within_line() {
        let _ = RawSerial.write_str("\n");
    }
    // Writing to the serial line cannot fail.
    let _ = RawSerial.write_fmt(line);
    let _ = RawSerial.write_str("\n");
}

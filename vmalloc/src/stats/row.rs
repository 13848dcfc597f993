//! A line of the table of counters, and what monitors call it.

/// One line of the table of counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The part of the system that counts: `vmalloc`, `frames` or `tlb`.
    pub section: &'static str,
    /// The counter's name, with its unit where it is not a number of things.
    pub name: &'static str,
    /// Its value when the table was made.
    pub value: u64,
    /// Its name in metrics; `None` if it is derived from other rows.
    pub metric: Option<Metric>,
}

/// A series of a [`Family`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// The family.
    pub family: &'static Family,
    /// Names and values of its labels; the names of those that it does not have are empty.
    pub labels: [(&'static str, &'static str); LABELS_MAX],
}

/// The most labels that a series has.
const LABELS_MAX: usize = 2;

/// Series that are the same thing seen by its parts. All rows of a family stand side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name, in base units; that of a counter ends with `_total`.
    pub name: &'static str,
    /// The kind of its numbers.
    pub kind: MetricKind,
    /// One sentence.
    pub help: &'static str,
}

/// The kind of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
}

impl Family {
    /// A family of counters.
    #[must_use]
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: MetricKind::Counter, help }
    }

    /// A family of gauges.
    #[must_use]
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: MetricKind::Gauge, help }
    }
}

impl Row {
    /// A row that monitors find out from others.
    #[must_use]
    pub const fn derived(section: &'static str, name: &'static str, value: u64) -> Self {
        Self { section, name, value, metric: None }
    }

    /// A row of a family.
    #[must_use]
    pub const fn new(
        section: &'static str,
        name: &'static str,
        value: u64,
        family: &'static Family,
    ) -> Self {
        let metric = Some(Metric { family, labels: [("", ""); LABELS_MAX] });
        Self { section, name, value, metric }
    }

    /// Adds a label; one too many is left out.
    #[must_use]
    pub fn label(mut self, name: &'static str, value: &'static str) -> Self {
        let labels = self.metric.as_mut().map(|metric| &mut metric.labels);
        if let Some(free) = labels.and_then(|labels| labels.iter_mut().find(|l| l.0.is_empty())) {
            *free = (name, value);
        }
        self
    }
}

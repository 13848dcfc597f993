//! How much is measured.

use std::time::Duration;

/// The size of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effort {
    Full,
    Quick,
    /// Only shows that everything runs.
    Smoke,
}

/// The options of the command line.
#[derive(Debug)]
pub(crate) struct Settings {
    effort: Effort,
    /// Words that a row's name must hold.
    pub(crate) filter: Option<String>,
}

impl Settings {
    /// Reads the arguments. `cargo bench` passes `--bench`, and without it this is a test: options
    /// for test harnesses are passed over.
    pub(crate) fn new(arguments: &[String]) -> Self {
        let has = |option: &str| arguments.iter().any(|argument| argument == option);
        let effort = match (has("--bench") && !has("--test"), has("--quick")) {
            (false, _) => Effort::Smoke,
            (true, true) => Effort::Quick,
            (true, false) => Effort::Full,
        };
        let filter = arguments.iter().find(|argument| !argument.starts_with('-')).cloned();
        Self { effort, filter }
    }

    /// How long one contestant runs before the next has its turn.
    pub(crate) fn slice(&self) -> Duration {
        Duration::from_micros(match self.effort {
            Effort::Full => 20_000,
            Effort::Quick => 5_000,
            Effort::Smoke => 10,
        })
    }

    /// How often each contestant has its turn: odd, so that there is a median.
    pub(crate) fn rounds(&self) -> usize {
        match self.effort {
            Effort::Full => 15,
            Effort::Quick => 5,
            Effort::Smoke => 1,
        }
    }

    /// How many areas live at once.
    pub(crate) fn areas(&self) -> &'static [u32] {
        match self.effort {
            Effort::Full => &[1_000, 10_000, 100_000, 400_000],
            Effort::Quick => &[1_000, 10_000],
            Effort::Smoke => &[100],
        }
    }

    /// How many areas live while instructions are counted.
    pub(crate) fn counted_areas(&self) -> &'static [u32] {
        match self.effort {
            Effort::Full => &[1_000, 400_000],
            Effort::Quick | Effort::Smoke => &[1_000],
        }
    }

    /// Whether another process may be started to count instructions.
    pub(crate) fn counts_instructions(&self) -> bool {
        self.effort != Effort::Smoke
    }
}

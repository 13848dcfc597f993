//! Finds the keys among the arguments of a command.
//!
//! String-key commands have their keys at fixed positions. Region commands take an id or `@name`,
//! and `VMALLOC` takes a name after an option, so their keys are not at fixed positions. These
//! commands have the flag `movablekeys`, and clients find the keys with `COMMAND GETKEYS`. The key
//! is the name without the `@`.

use crate::resp::Arguments;

/// The positions of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::service) enum KeyPositions {
    /// The command has no keys.
    Nowhere,
    /// Every `step`-th argument from `first` to `last` is a key. A negative `last` counts from the
    /// end.
    Fixed {
        /// Position of the first key.
        first: u8,
        /// Position of the last key.
        last: i8,
        /// The distance between two keys.
        step: u8,
    },
    /// The arguments from `first` to `last` that begin with `@` are keys.
    Regions {
        /// Position of the first region.
        first: u8,
        /// Position of the last region; a negative number counts from the end.
        last: i8,
    },
    /// The argument after the word `NAME` is a key; options begin at `first`.
    Named {
        /// Position of the first option.
        first: u8,
    },
}

/// The positions of the keys of a command, and the use of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::service) struct Keys {
    /// The positions.
    pub(in crate::service) place: KeyPositions,
    /// The use of the keys (for example `RO access`), in the words of Redis's key specifications.
    pub(in crate::service) access: &'static str,
}

impl Keys {
    /// No keys.
    pub(in crate::service) const NONE: Self = Self { place: KeyPositions::Nowhere, access: "" };

    /// Creates fixed positions: every `step`-th argument from `first` to `last`.
    pub(in crate::service) const fn fixed(
        first: u8,
        last: i8,
        step: u8,
        access: &'static str,
    ) -> Self {
        Self { place: KeyPositions::Fixed { first, last, step }, access }
    }

    /// Creates positions of regions: the arguments from `first` to `last` that begin with `@`.
    pub(in crate::service) const fn regions(first: u8, last: i8, access: &'static str) -> Self {
        Self { place: KeyPositions::Regions { first, last }, access }
    }

    /// Creates the position behind the option `NAME`, among the options from `first` on.
    pub(in crate::service) const fn named(first: u8) -> Self {
        Self { place: KeyPositions::Named { first }, access: "OW update" }
    }

    /// Returns whether the command can have keys.
    pub(in crate::service) const fn can_be(self) -> bool {
        !matches!(self.place, KeyPositions::Nowhere)
    }

    /// Returns the first position, the last position and the step, as `COMMAND INFO` shows them.
    /// All are 0 if the positions are not fixed.
    pub(in crate::service) fn positions(self) -> [i64; 3] {
        match self.place {
            KeyPositions::Fixed { first, last, step } => [first.into(), last.into(), step.into()],
            KeyPositions::Nowhere | KeyPositions::Regions { .. } | KeyPositions::Named { .. } => {
                [0; 3]
            }
        }
    }

    /// Returns the keys of a request. The caller must have checked the number of arguments.
    pub(in crate::service) fn of<'a>(
        self,
        request: Arguments<'a>,
    ) -> impl Iterator<Item = &'a [u8]> + Clone {
        let (first, end, step) = self.range(request);
        let arguments = (first..end).step_by(step).filter_map(move |at| request.get(at));
        let are_regions = matches!(self.place, KeyPositions::Regions { .. });
        arguments.filter_map(
            move |argument| {
                if are_regions { argument.strip_prefix(b"@") } else { Some(argument) }
            },
        )
    }

    /// Returns the range of arguments that can be keys: the first position, the end and the step.
    fn range(self, request: Arguments<'_>) -> (usize, usize, usize) {
        let (first, last, step) = match self.place {
            KeyPositions::Nowhere => return (0, 0, 1),
            KeyPositions::Fixed { first, last, step } => (first, last, step),
            KeyPositions::Regions { first, last } => (first, last, 1),
            KeyPositions::Named { first } => {
                let name = name_position(request, first.into());
                return (name, name + 1, 1);
            }
        };
        let end = match usize::try_from(last) {
            Ok(last) => last + 1,
            Err(_) => (request.count() + 1).saturating_sub(usize::from(last.unsigned_abs())),
        };
        (first.into(), end, step.into())
    }
}

/// Returns the position after the last option `NAME` among the options from `first` on. A name that
/// is itself `NAME` is not taken for the option. Returns the number of arguments if there is no
/// such option.
fn name_position(request: Arguments<'_>, first: usize) -> usize {
    let mut found = request.count();
    let mut at = first;
    while let Some(option) = request.get(at) {
        at += 1;
        if option.eq_ignore_ascii_case(b"NAME") {
            found = at;
            at += 1;
        }
    }
    found
}

//! The flags of commands, with the words and the order of Redis, and the ACL categories that are
//! derived from the flags.

/// The command may change keys or regions.
pub(in crate::service) const WRITE: u32 = 1 << 0;
/// The command reads keys or regions and changes no data.
pub(in crate::service) const READONLY: u32 = 1 << 1;
/// The command may allocate memory.
pub(in crate::service) const DENYOOM: u32 = 1 << 2;
/// The command is for operators.
pub(in crate::service) const ADMIN: u32 = 1 << 3;
/// Redis refuses the command in scripts.
pub(in crate::service) const NOSCRIPT: u32 = 1 << 4;
/// Redis serves the command while it loads a data set.
pub(in crate::service) const LOADING: u32 = 1 << 5;
/// Redis serves the command from a replica without its master.
pub(in crate::service) const STALE: u32 = 1 << 6;
/// Redis does not record the command in its slow log.
pub(in crate::service) const SKIP_SLOWLOG: u32 = 1 << 7;
/// The duration of the command does not depend on sizes of keys or regions.
pub(in crate::service) const FAST: u32 = 1 << 8;
/// The command is served without authentication.
pub(in crate::service) const NO_AUTH: u32 = 1 << 9;
/// The command may be called without any key, although it can have keys.
pub(in crate::service) const NO_MANDATORY_KEYS: u32 = 1 << 10;
/// The keys are not at fixed positions; `COMMAND GETKEYS` returns them.
pub(in crate::service) const MOVABLEKEYS: u32 = 1 << 11;
/// The command is refused inside a transaction.
pub(in crate::service) const NO_MULTI: u32 = 1 << 12;
/// Redis serves the command while a script exceeds its time limit.
pub(in crate::service) const ALLOW_BUSY: u32 = 1 << 13;

/// The words of the flags, in the order of their bits, which is the order of Redis.
const WORDS: [&str; 14] = [
    "write",
    "readonly",
    "denyoom",
    "admin",
    "noscript",
    "loading",
    "stale",
    "skip_slowlog",
    "fast",
    "no_auth",
    "no_mandatory_keys",
    "movablekeys",
    "no_multi",
    "allow_busy",
];

/// The command is about keys of any type.
pub(in crate::service) const KEYSPACE: u32 = 1 << 0;
/// The command is about strings.
pub(in crate::service) const STRING: u32 = 1 << 1;
/// The command can do harm, but is not restricted to operators.
pub(in crate::service) const DANGEROUS: u32 = 1 << 2;
/// The command is about the connection.
pub(in crate::service) const CONNECTION: u32 = 1 << 3;
/// The command is about transactions.
pub(in crate::service) const TRANSACTION: u32 = 1 << 4;

/// The flags of a command, and its ACL categories that cannot be derived from the flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::service) struct Flags {
    bits: u32,
    categories: u32,
}

impl Flags {
    pub(in crate::service) const fn new(bits: u32, categories: u32) -> Self {
        Self { bits, categories }
    }

    /// Returns whether the command is served without authentication.
    pub(in crate::service) const fn are_without_password(self) -> bool {
        self.bits & NO_AUTH != 0
    }

    /// Returns whether the command is refused inside a transaction.
    pub(in crate::service) const fn exclude_transactions(self) -> bool {
        self.bits & NO_MULTI != 0
    }

    /// Returns whether the command can be called without any key.
    pub(in crate::service) const fn make_keys_optional(self) -> bool {
        self.bits & NO_MANDATORY_KEYS != 0
    }

    /// Returns the words of the flags.
    pub(in crate::service) fn words(self) -> impl Iterator<Item = &'static str> + Clone {
        let numbered = WORDS.into_iter().enumerate();
        numbered.filter(move |(bit, _)| self.bits & 1 << bit != 0).map(|(_, word)| word)
    }

    /// Returns the ACL categories, in the order of Redis.
    pub(in crate::service) fn categories(self) -> impl Iterator<Item = &'static str> + Clone {
        let has = |flag| self.bits & flag != 0;
        let is_in = |category| self.categories & category != 0;
        [
            (is_in(KEYSPACE), "@keyspace"),
            (has(READONLY), "@read"),
            (has(WRITE), "@write"),
            (is_in(STRING), "@string"),
            (has(ADMIN), "@admin"),
            (has(FAST), "@fast"),
            (!has(FAST), "@slow"),
            (has(ADMIN) || is_in(DANGEROUS), "@dangerous"),
            (is_in(CONNECTION), "@connection"),
            (is_in(TRANSACTION), "@transaction"),
        ]
        .into_iter()
        .filter(|(applies, _)| *applies)
        .map(|(_, category)| category)
    }
}

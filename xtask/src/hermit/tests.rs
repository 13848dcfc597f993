use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::changes::Change;
use super::*;

const CHANGES: &[Change<'static>] = &[
    Change { file: "Cargo.toml", find: "build.rs", replace: "none", places: 1 },
    Change { file: "src/a.rs", find: "old", replace: "new", places: 2 },
    Change { file: "src/a.rs", find: "new and", replace: "new or", places: 1 },
];

/// A source tree and a folder for its copy, removed when the test ends.
struct Fake {
    root: PathBuf,
}

impl Fake {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("xtask-hermit-{name}-{}", std::process::id()));
        let fake = Self { root };
        let files = [
            ("Cargo.toml", "build = \"build.rs\"\n"),
            ("LICENSE-MIT", "text\n"),
            (".cargo-ok", "made by cargo\n"),
            ("build.rs", "fn main() {}\n"),
            ("src/a.rs", "old and old\n"),
            ("src/b/c.rs", "as it is\n"),
            ("src/arch/x86_64/kernel/boot.s", ".code16\n.global _start\n_start:\n    jmp _start\n"),
        ];
        for (path, text) in files {
            let path = fake.sources().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fake
    }

    fn sources(&self) -> PathBuf {
        self.root.join("sources")
    }

    fn kernel(&self) -> PathBuf {
        self.root.join("kernel")
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.kernel().join(file)).unwrap()
    }

    /// The names below the root, sorted.
    fn entries(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.root).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Adapts without an expected checksum and returns the message of the refusal.
    fn refusal(&self, changes: &[Change<'_>]) -> String {
        let recipe = Recipe { changes, sha256: "unknown" };
        format!("{:#}", make(&self.sources(), &self.kernel(), &recipe).unwrap_err())
    }

    /// Returns the checksum that the edits result in, taken from the message that it is not the expected
    /// one.
    fn checksum(&self) -> String {
        let message = self.refusal(CHANGES);
        fs::remove_dir_all(self.kernel()).unwrap();
        let rest = message.split("the result has the checksum ").nth(1).unwrap();
        rest.split(',').next().unwrap().to_owned()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

#[test]
fn the_right_sources_are_adapted() {
    let fake = Fake::new("right");
    let sha256 = fake.checksum();
    let recipe = Recipe { changes: CHANGES, sha256: &sha256 };
    assert!(!is_made(&fake.kernel(), &recipe));
    make(&fake.sources(), &fake.kernel(), &recipe).unwrap();
    assert!(is_made(&fake.kernel(), &recipe));
    assert_eq!(fake.read("Cargo.toml"), "build = \"none\"\n");
    assert_eq!(fake.read("src/a.rs"), "new or new\n");
    assert_eq!(fake.read("src/b/c.rs"), "as it is\n");
    assert!(!fake.kernel().join("build.rs").exists() && !fake.kernel().join(".cargo-ok").exists());
}

#[test]
fn a_changed_copy_is_made_again() {
    let fake = Fake::new("touched");
    let sha256 = fake.checksum();
    let recipe = Recipe { changes: CHANGES, sha256: &sha256 };
    let ensure = || ensure_at(&fake.kernel(), &recipe, || Ok(fake.sources())).unwrap();
    ensure();
    fs::write(fake.kernel().join("src/b/c.rs"), "touched\n").unwrap();
    ensure();
    assert!(is_made(&fake.kernel(), &recipe));
    // A correct folder is not changed.
    ensure_at(&fake.kernel(), &recipe, || panic!("fetched again")).unwrap();
    assert_eq!(fake.entries(), ["kernel", "lock", "sources"]);
}

#[test]
fn truncated_code_is_assembled_again() {
    let fake = Fake::new("cut");
    let sha256 = fake.checksum();
    let recipe = Recipe { changes: CHANGES, sha256: &sha256 };
    let ensure = || ensure_at(&fake.kernel(), &recipe, || Ok(fake.sources())).unwrap();
    ensure();
    let code = fake.kernel().join("boot.bin");
    let (whole, time) = (fs::read(&code).unwrap(), modified(&code));
    ensure();
    assert_eq!(modified(&code), time);
    fs::write(&code, &whole[..1]).unwrap();
    ensure();
    assert_eq!(fs::read(&code).unwrap(), whole);
}

fn modified(file: &Path) -> std::time::SystemTime {
    fs::metadata(file).unwrap().modified().unwrap()
}

#[test]
fn leftovers_and_a_file_in_place_of_the_folder_are_removed() {
    let fake = Fake::new("leftovers");
    let sha256 = fake.checksum();
    let recipe = Recipe { changes: CHANGES, sha256: &sha256 };
    fs::write(fake.kernel(), "a file\n").unwrap();
    fs::write(fake.root.join("kernel.new"), "a file\n").unwrap();
    fs::create_dir_all(fake.root.join("kernel.old-17/src")).unwrap();
    fs::write(fake.root.join("kernel.new-18"), "a file\n").unwrap();
    ensure_at(&fake.kernel(), &recipe, || Ok(fake.sources())).unwrap();
    assert!(is_made(&fake.kernel(), &recipe));
    assert_eq!(fake.entries(), ["kernel", "lock", "sources"]);
}

#[test]
fn of_two_calls_at_once_one_makes_the_kernel() {
    let fake = Fake::new("twice");
    let sha256 = fake.checksum();
    let recipe = Recipe { changes: CHANGES, sha256: &sha256 };
    let fetches = AtomicUsize::new(0);
    let fetch = || {
        fetches.fetch_add(1, Ordering::SeqCst);
        // Long enough for the other call to reach the lock.
        std::thread::sleep(std::time::Duration::from_millis(100));
        Ok(fake.sources())
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| ensure_at(&fake.kernel(), &recipe, fetch).unwrap());
        }
    });
    assert_eq!(fetches.into_inner(), 1);
    assert!(is_made(&fake.kernel(), &recipe));
}

#[test]
fn an_unwritable_copy_is_not_an_error_of_the_sources() {
    let fake = Fake::new("unwritable");
    fs::write(fake.kernel(), "a file\n").unwrap();
    let message = fake.refusal(CHANGES);
    assert!(message.contains("kernel") && !message.contains("--runtime bare"), "{message}");
}

#[test]
fn a_wrong_count_is_refused_with_the_file_and_the_numbers() {
    let fake = Fake::new("count");
    fs::write(fake.sources().join("src/a.rs"), "old\n").unwrap();
    let message = fake.refusal(CHANGES);
    for part in ["src/a.rs", "\"old\"", "in 1 places, expected 2", "--runtime bare"] {
        assert!(message.contains(part), "no {part} in {message}");
    }
}

#[test]
fn a_missing_file_is_refused_by_name() {
    let fake = Fake::new("missing");
    fs::remove_file(fake.sources().join("src/a.rs")).unwrap();
    let message = fake.refusal(CHANGES);
    assert!(message.contains("there is no src/a.rs"), "{message}");
}

#[test]
fn another_result_is_refused_with_both_checksums() {
    let fake = Fake::new("checksum");
    let before = fake.checksum();
    // A file that is not in the table differs.
    fs::write(fake.sources().join("src/b/c.rs"), "other\n").unwrap();
    let found = fake.checksum();
    assert_ne!(found, before);
    let recipe = Recipe { changes: CHANGES, sha256: &before };
    let error = make(&fake.sources(), &fake.kernel(), &recipe).unwrap_err();
    let message = format!("{error:#}");
    let both = format!("the result has the checksum {found}, expected {before}");
    assert!(message.contains(&both), "{message}");
    assert!(message.contains("remove that folder"), "{message}");
}

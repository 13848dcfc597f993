use std::fs;

use super::changes::Change;
use super::*;

const CHANGES: &[Change<'static>] = &[
    Change { file: "Cargo.toml", find: "build.rs", replace: "none", places: 1 },
    Change { file: "src/a.rs", find: "old", replace: "new", places: 2 },
    Change { file: "src/a.rs", find: "new and", replace: "new or", places: 1 },
];

/// A source tree and a place for its copy, which go when the test ends.
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

    /// Makes the copy and returns the message of its refusal, without an expected checksum.
    fn refusal(&self, changes: &[Change<'_>]) -> String {
        let recipe = Recipe { changes, sha256: "unknown" };
        format!("{:#}", make(&self.sources(), &self.kernel(), &recipe).unwrap_err())
    }

    /// The checksum that the right edits lead to, out of the message that it is not the expected one.
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
fn a_copy_that_was_touched_is_made_again() {
    let fake = Fake::new("touched");
    let sha256 = fake.checksum();
    let recipe = Recipe { changes: CHANGES, sha256: &sha256 };
    make(&fake.sources(), &fake.kernel(), &recipe).unwrap();
    fs::write(fake.kernel().join("src/b/c.rs"), "touched\n").unwrap();
    assert!(!is_made(&fake.kernel(), &recipe));
    let draft = beside(&fake.kernel(), "new");
    make(&fake.sources(), &draft, &recipe).unwrap();
    replace(&fake.kernel(), &draft).unwrap();
    assert!(is_made(&fake.kernel(), &recipe));
    let left: Vec<_> = fs::read_dir(&fake.root).unwrap().collect();
    assert_eq!(left.len(), 2, "{left:?}");
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
    let expected = fake.checksum();
    // Nothing that the table names is different.
    fs::write(fake.sources().join("src/b/c.rs"), "other\n").unwrap();
    let message = fake.refusal(CHANGES);
    assert!(message.contains("expected unknown") && !message.contains(&expected), "{message}");
    assert!(message.contains("remove that folder"), "{message}");
}

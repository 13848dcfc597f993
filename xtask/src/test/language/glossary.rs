//! The words that the glossary replaces.

use super::sentence;

/// The texts in which a word must not occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// Prose, strings and identifiers.
    All,
    /// Prose and strings.
    Prose,
    /// Prose and strings, except those of the library, which does not know how CPUs are started.
    ProseOfImage,
    /// Identifiers of the image. In other folders, in prose and in constants of VIRTIO the word has its usual
    /// sense.
    NamesOfImage,
}

/// The words and phrases, each with the term that replaces it. A phrase has `_` between its words.
const WORDS: &[(&[&str], Scope, &str)] = &[
    (&["errand", "errands"], Scope::All, "offloaded task"),
    (&["desk", "desks"], Scope::All, "mailbox"),
    (&["lend", "lends", "lent", "lending"], Scope::All, "offload"),
    (&["chore", "chores"], Scope::All, "housekeeping"),
    (&["tidy", "tidies", "tidied", "tidying"], Scope::All, "housekeeping"),
    (&["roster", "rosters"], Scope::All, "client list"),
    (&["visitor", "visitors"], Scope::All, "HTTP connection"),
    (&["door", "doors"], Scope::All, "listener"),
    (&["anew"], Scope::All, "again"),
    (&["short_way", "short_ways"], Scope::All, "fast path"),
    (&["long_way", "long_ways"], Scope::All, "slow path"),
    // `fixup` itself is permitted: Linux calls the code for an entry of the exception table a fixup.
    (&["fix_up", "fix_ups", "table_of_fixups"], Scope::Prose, "exception table"),
    (&["by_now"], Scope::Prose, "already"),
    (&["meanwhile"], Scope::Prose, "during"),
    (&["taken_back"], Scope::Prose, "rolled back"),
    (&["served_again"], Scope::Prose, "retried"),
    (&["interrupt_for_work"], Scope::Prose, "IPI"),
    (&["virtual_frame", "virtual_frames"], Scope::Prose, "page"),
    (&["other_CPUs"], Scope::ProseOfImage, "APs"),
    (&["guest", "guests"], Scope::NamesOfImage, "client entry"),
    (&["job", "jobs"], Scope::NamesOfImage, "task"),
];

/// Returns the offset, the phrase and its replacement for each wrong word of a text.
pub(super) fn in_prose(folder: &str, text: &str) -> Vec<(usize, String)> {
    let words: Vec<_> = sentence::words(text).collect();
    let applies = |scope| match scope {
        Scope::All | Scope::Prose => true,
        Scope::ProseOfImage => folder != "vmalloc",
        Scope::NamesOfImage => false,
    };
    matches(&words, applies)
}

/// Returns the offset, the word and its replacement for each wrong word of an identifier.
pub(super) fn in_identifier(folder: &str, identifier: &str) -> Vec<(usize, String)> {
    let parts = parts(identifier);
    let words: Vec<_> = parts.iter().map(|part| (0, part.as_str())).collect();
    let is_constant = !identifier.contains(|c: char| c.is_lowercase());
    let applies = |scope| match scope {
        Scope::All => true,
        Scope::NamesOfImage => folder == "app" && !is_constant,
        Scope::Prose | Scope::ProseOfImage => false,
    };
    matches(&words, applies)
}

fn matches(words: &[(usize, &str)], applies: impl Fn(Scope) -> bool) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for at in 0..words.len() {
        for (phrases, scope, term) in WORDS {
            let is_here = |phrase: &&&str| {
                let mut rest = words[at..].iter();
                phrase.split('_').all(|part| {
                    rest.next().is_some_and(|(_, word)| word.eq_ignore_ascii_case(part))
                })
            };
            if let Some(phrase) = phrases.iter().find(is_here).filter(|_| applies(*scope)) {
                let text = format!("`{}`, better: {term}", phrase.replace('_', " "));
                found.push((words[at].0, text));
            }
        }
    }
    found
}

/// Returns the words of an identifier such as `an_identifier` or `AnIdentifier`.
fn parts(identifier: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut was_lower = false;
    for char in identifier.chars() {
        if char == '_' || (char.is_uppercase() && was_lower) {
            parts.push(String::new());
        }
        if char != '_'
            && let Some(part) = parts.last_mut()
        {
            part.push(char);
        }
        was_lower = char.is_lowercase();
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(folder: &str, text: &str) -> usize {
        in_prose(folder, text).len()
    }

    #[test]
    fn words_and_phrases_are_found_in_prose() {
        assert_eq!(count("app", "An Errand goes the long way, by now"), 3);
        assert_eq!(count("app", "indoors, benches, by the way, now"), 0);
        assert_eq!(in_prose("app", "the fix-ups")[0].0, 4);
        assert_eq!((count("app", "other CPUs"), count("vmalloc", "other CPUs")), (1, 0));
        assert_eq!(count("app", "a guest of QEMU"), 0);
    }

    #[test]
    fn identifiers_are_split_into_words() {
        assert_eq!(parts("open_doorsFor_HTTP"), ["open", "doors", "For", "HTTP"]);
        assert_eq!(in_identifier("xtask", "LongWay").len(), 1);
        assert_eq!(in_identifier("xtask", "by_now").len(), 0);
        assert_eq!(in_identifier("app", "GuestList").len(), 1);
        assert_eq!(in_identifier("xtask", "GuestList").len(), 0);
        assert_eq!(in_identifier("app", "FEATURE_GUEST_TSO4").len(), 0);
    }
}

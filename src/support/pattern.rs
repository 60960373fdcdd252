//! Patterns of names: `*` is any text, also with `/`, and `?` any character.

use crate::error::{Error, Result, Status};
use crate::support::fallible;

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Checks and copies a pattern.
    pub fn new(pattern: &str) -> Result<Self> {
        if pattern.is_empty() {
            return Err(Error::new(
                Status::InvalidArgument,
                "a pattern is empty; * matches every name",
            ));
        }
        Ok(Self(fallible::text(pattern)?))
    }

    /// Returns whether a name matches. The time is at most the product of both lengths: only the last
    /// star is tried with more text.
    pub fn matches(&self, name: &str) -> bool {
        let (mut pattern, mut rest) = (self.0.as_str(), name);
        // What follows the last star, and the text after what that star takes.
        let mut star: Option<(&str, &str)> = None;
        loop {
            let next = rest.chars().next();
            match (pattern.chars().next(), next) {
                (Some('*'), _) => {
                    pattern = &pattern[1..];
                    star = Some((pattern, rest));
                }
                (None, None) => return true,
                (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {
                    pattern = &pattern[wanted.len_utf8()..];
                    rest = &rest[found.len_utf8()..];
                }
                _ => {
                    // The last star takes one character more.
                    let Some((behind, from)) = star else { return false };
                    let Some(taken) = from.chars().next() else { return false };
                    (pattern, rest) = (behind, &from[taken.len_utf8()..]);
                    star = Some((behind, rest));
                }
            }
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::new(pattern).unwrap().matches(name)
    }

    #[test]
    fn stars_take_any_text_and_question_marks_one_character() {
        for (pattern, name) in [
            ("*", "a/b"),
            ("a", "a"),
            ("a/*", "a/b/c"),
            ("*/c", "a/b/c"),
            ("a*b*c", "aXbXbc"),
            ("??", "\u{e9}x"),
            ("*?", "x"),
            ("**a", "ba"),
            ("[a]", "[a]"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("a", "ab"), ("ab", "a"), ("a*", "b"), ("a*b", "abc"), ("?", ""), ("*a?", "ba")]
        {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
        assert!(Pattern::new("").is_err());
    }

    #[test]
    fn many_stars_take_no_time() {
        let (pattern, name) = ("*a".repeat(10_000) + "c", "a".repeat(255));
        assert!(!matches(&pattern, &name));
    }
}

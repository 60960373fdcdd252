//! Patterns for names: `*` matches any text, `?` any character, `[a-z]` one of a set, `[!a-z]` one
//! that is not in the set; `\` takes the next character literally.

/// Whether `text` matches `pattern`.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    // Where to retry: the position after the last star, and the length of text that this star takes.
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match one(&pattern[p..], text[t]) {
            Step::Star => {
                star = Some((p + 1, t));
                p += 1;
            }
            Step::Taken(len) => {
                p += len;
                t += 1;
            }
            Step::No => match star {
                Some((behind, from)) => {
                    (p, t) = (behind, from + 1);
                    star = Some((behind, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

enum Step {
    Star,
    /// The character matches, and takes this length of the pattern.
    Taken(usize),
    No,
}

fn one(pattern: &[char], c: char) -> Step {
    let fits = |yes, len| if yes { Step::Taken(len) } else { Step::No };
    match pattern {
        ['*', ..] => Step::Star,
        ['?', ..] => Step::Taken(1),
        ['\\', next, ..] => fits(*next == c, 2),
        ['[', rest @ ..] => match set(rest, c) {
            Some((yes, len)) => fits(yes, len + 1),
            None => fits(c == '[', 1),
        },
        [next, ..] => fits(*next == c, 1),
        [] => Step::No,
    }
}

/// Whether the set up to the next `]` has `c`, and the length of the set with its bracket.
fn set(rest: &[char], c: char) -> Option<(bool, usize)> {
    let not = matches!(rest, ['!' | '^', ..]);
    let begin = usize::from(not);
    // A bracket at the beginning is a member of the set.
    let end = begin + 1 + rest.get(begin + 1..)?.iter().position(|c| *c == ']')?;
    let mut members = &rest[begin..end];
    let mut found = false;
    while let [first, more @ ..] = members {
        (found, members) = match more {
            ['-', last, more @ ..] => (found | (*first..=*last).contains(&c), more),
            more => (found | (*first == c), more),
        };
    }
    Some((found != not, end + 1))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_are_those_of_a_shell() {
        let yes = [
            ("", ""),
            ("*", ""),
            ("a*c", "abbc"),
            ("*.bin", "x.bin"),
            ("a?c", "a\u{e9}c"),
            ("[a-c]x", "bx"),
            ("[!a-c]x", "dx"),
            ("[]]", "]"),
            ("\\*", "*"),
            ("a*b*c", "aXbXbc"),
            ("[", "["),
        ];
        for (pattern, text) in yes {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        let no =
            [("", "a"), ("a", ""), ("a?c", "ac"), ("[a-c]", "d"), ("\\*", "x"), ("a*b", "abc")];
        for (pattern, text) in no {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        assert!(!matches(&"a*".repeat(50), &"a".repeat(5000).replace('a', "b")));
        assert!(!matches(&format!("{}c", "*a".repeat(30)), &"a".repeat(3000)));
    }
}

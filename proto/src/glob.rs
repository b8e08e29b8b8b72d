//! Redis's glob patterns, as KEYS, SCAN MATCH, PSUBSCRIBE, CONFIG GET and ACL rules use them.
//!
//! `*` any run of bytes, `?` any byte, `[abc]`, `[^abc]`, `[a-z]` one byte of a class, `\x` the byte
//! `x` itself. Patterns and texts are bytes; case folding is ASCII only. The corner cases are
//! Redis's own: a class that is never closed ends with the pattern, the ends of a range may come
//! in either order, an escaped byte inside a class is compared with its case, and an empty text is
//! matched by the empty pattern alone (not even by `*`).
//!
//! Every element but `*` consumes exactly one byte, so it is enough to remember the last `*`: if
//! what follows it fails, it takes one byte more, and no earlier `*` need be tried again. That
//! makes the worst case `pattern x text` steps and needs no recursion, where the textbook
//! recursion is exponential in the number of stars. Redis bounds the depth of its recursion
//! instead, and a pattern that passes [`STARS_MAX`] runs of stars never matches; so here.

/// How many runs of `*` a match may pass; a pattern that needs more matches nothing.
pub const STARS_MAX: usize = 1000;

/// Whether letters of different case are equal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Case {
    Sensitive,
    Insensitive,
}

/// Whether the whole of `text` matches `pattern`.
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut p, mut t) = (0, 0);
    let mut stars = 0;
    let mut last_star: Option<(usize, usize)> = None; // (pattern after the star, text it has not taken)
    loop {
        if t == text.len() {
            return pattern[p..].iter().all(|&b| b == b'*');
        }
        if pattern.get(p) == Some(&b'*') {
            p += pattern[p..].iter().take_while(|&&b| b == b'*').count();
            if p == pattern.len() {
                return true;
            }
            stars += 1;
            if stars > STARS_MAX {
                return false;
            }
            last_star = Some((p, t));
            continue;
        }
        if let Some(len) = element(&pattern[p..], text[t], case) {
            p += len;
            t += 1;
            continue;
        }
        match &mut last_star {
            Some((after, taken)) if *taken + 1 < text.len() => {
                *taken += 1;
                (p, t) = (*after, *taken);
            }
            _ => return false,
        }
    }
}

/// Whether the first element of `pattern` (never `*`) accepts `byte`; if so, the element's length.
fn element(pattern: &[u8], byte: u8, case: Case) -> Option<usize> {
    match *pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'[', ..] => {
            let (accepted, len) = class(&pattern[1..], byte, case);
            accepted.then_some(1 + len)
        }
        [b'\\', literal, ..] => same(literal, byte, case).then_some(2),
        [literal, ..] => same(literal, byte, case).then_some(1),
    }
}

fn same(a: u8, b: u8, case: Case) -> bool {
    match case {
        Case::Sensitive => a == b,
        Case::Insensitive => a.eq_ignore_ascii_case(&b),
    }
}

/// Reads a class from behind its `[`: whether it accepts `byte`, and its length with the `]`.
fn class(body: &[u8], byte: u8, case: Case) -> (bool, usize) {
    let negated = body.first() == Some(&b'^');
    let mut i = usize::from(negated);
    let mut found = false;
    loop {
        match body[i..] {
            [] => break, // never closed: the class ends with the pattern
            [b'\\', literal, ..] => {
                found |= literal == byte;
                i += 2;
            }
            [b']', ..] => {
                i += 1;
                break;
            }
            [from, b'-', to, ..] => {
                found |= in_range(from, to, byte, case);
                i += 3;
            }
            [literal, ..] => {
                found |= same(literal, byte, case);
                i += 1;
            }
        }
    }
    (found != negated, i)
}

/// Bytes compare as C's `char` does on x86, that is signed: 0x80..=0xff come before 0x00..=0x7f.
fn in_range(from: u8, to: u8, byte: u8, case: Case) -> bool {
    let (low, high) = if (from as i8) <= (to as i8) { (from, to) } else { (to, from) };
    let fold = |b: u8| if case == Case::Insensitive { b.to_ascii_lowercase() } else { b } as i8;
    (fold(low)..=fold(high)).contains(&fold(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn glob(pattern: &str, text: &str) -> bool {
        matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive)
    }

    #[test]
    fn literals_and_wildcards() {
        assert!(glob("hello", "hello") && !glob("hello", "hellO") && !glob("hello", "hell"));
        assert!(glob("h?llo", "hallo") && !glob("h?llo", "hllo"));
        assert!(glob("h*llo", "hllo") && glob("h*llo", "heeeello") && glob("*", "x") && glob("a*", "a"));
        assert!(glob("*a*b*c", "xaybzabc") && !glob("*a*b*c", "xaybzabcd"));
        assert!(glob("a**", "a") && glob("**a", "a") && glob("user:*:name", "user:1000:name"));
        assert!(matches(b"FOO*", b"foobar", Case::Insensitive));
    }

    #[test]
    fn only_the_empty_pattern_matches_the_empty_text() {
        assert!(glob("", "") && !glob("*", "") && !glob("?", "") && !glob("", "a"));
    }

    #[test]
    fn classes() {
        assert!(glob("h[ae]llo", "hallo") && glob("h[ae]llo", "hello") && !glob("h[ae]llo", "hillo"));
        assert!(glob("h[^e]llo", "hallo") && !glob("h[^e]llo", "hello"));
        assert!(glob("h[a-c]llo", "hbllo") && glob("h[c-a]llo", "hbllo") && !glob("h[a-c]llo", "hdllo"));
        assert!(glob("[\\]]", "]") && glob("a[b", "ab") && glob("[^", "x") && !glob("[", "x"));
        assert!(
            glob("[a-]", "`") && !glob("[a-]", "b"),
            "`a-]` is a range from ] to a, and nothing closes it"
        );
        assert!(matches(b"[A-C]", b"b", Case::Insensitive) && !matches(b"[\\A]", b"a", Case::Insensitive));
    }

    #[test]
    fn escapes() {
        assert!(glob("a\\*b", "a*b") && !glob("a\\*b", "axb") && glob("a\\", "a\\") && glob("\\\\", "\\"));
    }

    #[test]
    fn too_many_stars_match_nothing_and_cost_little() {
        let hostile = "*a".repeat(2000);
        assert!(!glob(&hostile, &"a".repeat(2000)));
        assert!(!glob(&("*?".repeat(STARS_MAX + 1) + "b"), &"a".repeat(5000)));
        assert!(glob(&"*a".repeat(STARS_MAX), &"a".repeat(STARS_MAX)));
        assert!(!glob(&("a*".repeat(900) + "b"), &"a".repeat(4000)), "exponential for the naive recursion");
    }

    /// The definition, by plain recursion over both; only for short inputs.
    fn by_definition(p: &[u8], t: &[u8], case: Case) -> bool {
        match (p, t) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => {
                by_definition(rest, t, case) || (!t.is_empty() && by_definition(p, &t[1..], case))
            }
            (_, []) | ([], _) => false,
            (_, [byte, t_rest @ ..]) => {
                element(p, *byte, case).is_some_and(|len| by_definition(&p[len..], t_rest, case))
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(p in "[ab?*\\[\\]^\\\\-]{0,8}", t in "[abAB\\]-]{1,8}", nocase: bool) {
            let case = if nocase { Case::Insensitive } else { Case::Sensitive };
            prop_assert_eq!(
                matches(p.as_bytes(), t.as_bytes(), case),
                by_definition(p.as_bytes(), t.as_bytes(), case)
            );
        }
    }
}

//! The `is…` methods of `str` and `bytes`.
use super::Unit;
use pyrt_unicode as unicode;

/// Not empty, and the test holds for all.
pub fn all<U: Unit>(text: &[U], test: impl Fn(u32) -> bool) -> bool {
    !text.is_empty() && text.iter().all(|u| test(u.code()))
}

macro_rules! everywhere {
    ($($name:ident = $test:expr;)*) => {$(
        #[doc = concat!("`str.", stringify!($name), "`.")]
        pub fn $name<U: Unit>(text: &[U]) -> bool {
            all(text, $test)
        }
    )*};
}

everywhere! {
    isalpha = unicode::is_alpha;
    isalnum = unicode::is_alnum;
    isdecimal = unicode::is_decimal;
    isdigit = unicode::is_digit;
    isnumeric = unicode::is_numeric;
    isspace = unicode::is_space;
}

/// `str.isprintable`: true for the empty string too.
pub fn isprintable<U: Unit>(text: &[U]) -> bool {
    text.iter().all(|u| unicode::is_printable(u.code()))
}

/// `str.islower`.
pub fn islower<U: Unit>(text: &[U]) -> bool {
    let other = |code| unicode::is_upper(code) || unicode::is_title(code);
    cased_everywhere(text, unicode::is_lower, other)
}

/// `str.isupper`.
pub fn isupper<U: Unit>(text: &[U]) -> bool {
    let other = |code| unicode::is_lower(code) || unicode::is_title(code);
    cased_everywhere(text, unicode::is_upper, other)
}

fn cased_everywhere<U: Unit>(text: &[U], wanted: impl Fn(u32) -> bool, other: impl Fn(u32) -> bool) -> bool {
    let mut any = false;
    for unit in text {
        if other(unit.code()) {
            return false;
        }
        any |= wanted(unit.code());
    }
    any
}

/// `str.istitle`.
pub fn istitle<U: Unit>(text: &[U]) -> bool {
    let (mut any, mut cased) = (false, false);
    for unit in text {
        let code = unit.code();
        if unicode::is_upper(code) || unicode::is_title(code) {
            if cased {
                return false;
            }
            (any, cased) = (true, true);
        } else if unicode::is_lower(code) {
            if !cased {
                return false;
            }
            any = true;
        } else {
            cased = false;
        }
    }
    any
}

/// `str.isidentifier`.
pub fn isidentifier<U: Unit>(text: &[U]) -> bool {
    let Some((first, rest)) = text.split_first() else { return false };
    let first = first.code();
    (first == u32::from(b'_') || unicode::is_xid_start(first)) && rest.iter().all(|u| unicode::is_xid_continue(u.code()))
}

/// The predicates of `bytes`, which know ASCII only.
pub mod ascii {
    fn all(text: &[u8], test: impl Fn(&u8) -> bool) -> bool {
        !text.is_empty() && text.iter().all(test)
    }

    pub fn isalpha(text: &[u8]) -> bool {
        all(text, u8::is_ascii_alphabetic)
    }

    pub fn isalnum(text: &[u8]) -> bool {
        all(text, u8::is_ascii_alphanumeric)
    }

    pub fn isdigit(text: &[u8]) -> bool {
        all(text, u8::is_ascii_digit)
    }

    pub fn isspace(text: &[u8]) -> bool {
        all(text, |b| matches!(b, 9..=13 | 32))
    }

    pub fn islower(text: &[u8]) -> bool {
        text.iter().any(u8::is_ascii_lowercase) && !text.iter().any(u8::is_ascii_uppercase)
    }

    pub fn isupper(text: &[u8]) -> bool {
        text.iter().any(u8::is_ascii_uppercase) && !text.iter().any(u8::is_ascii_lowercase)
    }

    pub fn istitle(text: &[u8]) -> bool {
        super::istitle_by(text)
    }
}

fn istitle_by(text: &[u8]) -> bool {
    let (mut any, mut cased) = (false, false);
    for byte in text {
        if byte.is_ascii_alphabetic() {
            if byte.is_ascii_uppercase() == cased {
                return false;
            }
            (any, cased) = (true, true);
        } else {
            cased = false;
        }
    }
    any
}

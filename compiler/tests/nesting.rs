//! Deep and long sources: an answer or an error, never an overflow of the native stack.

use pyrt_compiler::syntax::error::SyntaxErrorKind;
use pyrt_compiler::syntax::{Mode, ParseOptions, parse};

/// Parses in a thread of 2 MiB, the least that a thread gets.
fn outcome(source: String) -> Result<(), SyntaxErrorKind> {
    let parse_it = move || {
        let arena = bumpalo::Bump::new();
        let options = ParseOptions { mode: Mode::Exec, ..ParseOptions::default() };
        parse(&arena, &source, options).map(|_| ()).map_err(|error| error.kind)
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(parse_it);
    thread.expect("a thread").join().expect("no panic")
}

#[test]
fn deep_sources_end_in_errors() {
    use SyntaxErrorKind::{Syntax, TooNested};
    const N: usize = 100_000;
    assert_eq!(outcome("(".repeat(N)), Err(Syntax));
    for prefix in ["-", "not ", "lambda: ", "a if b else ", "x**", "await "] {
        let deep = outcome(format!("{}x", prefix.repeat(N)));
        let expected = if prefix == "await " { Err(Syntax) } else { Err(TooNested) };
        assert_eq!(deep, expected, "{prefix}");
    }
    assert_eq!(outcome(format!("{}x{}", "(".repeat(150), ")".repeat(150))), Ok(()));
    assert_eq!(outcome(format!("{}x y{}", "(".repeat(150), ")".repeat(150))), Err(Syntax));
    assert_eq!(outcome(format!("{}x y{}", "[".repeat(60), "]".repeat(60))), Err(Syntax));
    assert_eq!(outcome(format!("{}x y{}", "{".repeat(60), "}".repeat(60))), Err(Syntax));
}

#[test]
fn long_sources_parse() {
    const N: usize = 100_000;
    for (first, more) in [("a", ".b"), ("a", "+a"), ("a", "()"), ("a", " or a"), ("a", " < a"), ("a", "[0]"), ("a", ", a")] {
        assert_eq!(outcome(format!("{first}{}", more.repeat(N))), Ok(()), "{more}");
    }
    assert_eq!(outcome(format!("if a: b\n{}", "elif a: b\n".repeat(N))), Ok(()));
    assert_eq!(outcome(format!("if a: b\n{}else x", "elif a: b\n".repeat(5_000))), Err(SyntaxErrorKind::Syntax));
    assert_eq!(outcome(format!("x = {}1", "a = ".repeat(N))), Ok(()));
    assert_eq!(outcome(format!("{}x y", "a + ".repeat(5_000))), Err(SyntaxErrorKind::Syntax));
    let blocks: String = (0..99).map(|depth| format!("{}if a:\n", " ".repeat(depth))).collect();
    assert_eq!(outcome(format!("{blocks}{}b\n", " ".repeat(99))), Ok(()));
}

//! A few trees and errors, as CPython 3.14 gives them. The wide comparison is `cargo xtask compare-ast`.

use pyrt_compiler::syntax::{self, Mode, ParseOptions, TokenIter};

fn tree(source: &str, mode: Mode) -> String {
    let arena = bumpalo::Bump::new();
    let bullet = |name: &str| (name == "BULLET").then_some(0x2022);
    let options = ParseOptions { mode, character_by_name: Some(&bullet), ..ParseOptions::default() };
    match syntax::parse(&arena, source, options) {
        Ok(parsed) => syntax::dump(&parsed.module, false, None),
        Err(error) => format!("{:?} {} {}:{}-{}:{}", error.kind, error.message, error.line, error.col, error.end_line,
            error.end_col as i32),
    }
}

#[test]
fn trees() {
    let expressions = [
        ("not a in b", "Expression(body=UnaryOp(op=Not(), operand=Compare(left=Name(id='a', ctx=Load()), ops=[In()], comparators=[Name(id='b', ctx=Load())])))"),
        ("-x**-y", "Expression(body=UnaryOp(op=USub(), operand=BinOp(left=Name(id='x', ctx=Load()), op=Pow(), right=UnaryOp(op=USub(), operand=Name(id='y', ctx=Load())))))"),
        ("'\\N{BULLET}\\ud800' \"'\"", "Expression(body=Constant(value=\"•\\ud800'\"))"),
        ("f'{x!r:>{w}}{y=}'", "Expression(body=JoinedStr(values=[FormattedValue(value=Name(id='x', ctx=Load()), conversion=114, format_spec=JoinedStr(values=[Constant(value='>'), FormattedValue(value=Name(id='w', ctx=Load()), conversion=-1)])), Constant(value='y='), FormattedValue(value=Name(id='y', ctx=Load()), conversion=114)]))"),
        ("t'{x }'", "Expression(body=TemplateStr(values=[Interpolation(value=Name(id='x', ctx=Load()), str='x ', conversion=-1)]))"),
        ("0x_ff, 1e400, 1_0j, 10**20", "Expression(body=Tuple(elts=[Constant(value=255), Constant(value=inf), Constant(value=10j), BinOp(left=Constant(value=10), op=Pow(), right=Constant(value=20))], ctx=Load()))"),
    ];
    for (source, expected) in expressions {
        assert_eq!(tree(source, Mode::Eval), expected, "{source}");
    }
    assert_eq!(
        tree("match x:\n  case {'a': [*_], **r}: pass", Mode::Exec),
        "Module(body=[Match(subject=Name(id='x', ctx=Load()), cases=[match_case(pattern=MatchMapping(keys=[Constant(value='a')], patterns=[MatchSequence(patterns=[MatchStar()])], rest='r'), body=[Pass()])])])"
    );
    assert_eq!(tree("(int, *str) -> ª", Mode::FunctionType), "FunctionType(argtypes=[Name(id='int', ctx=Load()), Name(id='str', ctx=Load())], returns=Name(id='a', ctx=Load()))");
}

#[test]
fn errors() {
    let sources = [
        ("a b", "Syntax invalid syntax 1:3-1:4"),
        ("(a b)", "Syntax invalid syntax. Perhaps you forgot a comma? 1:2-1:5"),
        ("x = (1,\n", "Syntax '(' was never closed 1:5-1:0"),
        ("if 1:\npass", "Indentation expected an indented block after 'if' statement on line 1 2:1-2:5"),
        ("if 1:\n\ta\n        b\n", "Tab inconsistent use of tabs and spaces in indentation 3:1-3:0"),
        ("f() = é", "Syntax cannot assign to function call here. Maybe you meant '==' instead of '='? 1:1-1:4"),
        ("é = 'é' 'é' x", "Syntax invalid syntax 1:13-1:14"),
        ("f'{a $ b}'", "Syntax f-string: expecting '=', or '!', or ':', or '}' 1:6-1:7"),
        ("print 1", "Syntax Missing parentheses in call to 'print'. Did you mean print(...)? 1:1-1:8"),
        ("'\\x'", "Syntax (unicode error) 'unicodeescape' codec can't decode bytes in position 0-1: truncated \\xXX escape 1:1-1:5"),
        ("a\n(b c)\n1_", "Syntax invalid decimal literal 3:2-3:2"),
    ];
    for (source, expected) in sources {
        assert_eq!(tree(source, Mode::Exec), expected, "{source}");
    }
    assert_eq!(
        tree("a\nb", Mode::Single),
        "Syntax multiple statements found while compiling a single statement 1:2-1:3"
    );
}

#[test]
fn tokens_with_comments() {
    let tokens: Vec<(u8, &str)> = TokenIter::new("if é: # c\n  f'{x}'\n", true, false)
        .map(|token| token.map(|token| (token.number, token.text)))
        .collect::<Result<_, _>>()
        .unwrap_or_default();
    let expected: [(u8, &str); 14] = [
        (1, "if"), (1, "é"), (55, ":"), (65, "# c"), (4, "\n"), (5, "  "), (59, "f'"), (55, "{"), (1, "x"), (55, "}"),
        (61, "'"), (4, "\n"), (6, ""), (0, ""),
    ];
    assert_eq!(tokens, expected);
}

#[test]
fn dump_with_indentation() {
    let arena = bumpalo::Bump::new();
    let parsed = syntax::parse(&arena, "def f(a, *b): return\nx = []\n", ParseOptions::default());
    let text = parsed.map(|parsed| syntax::dump(&parsed.module, false, Some(1))).unwrap_or_default();
    let expected = "Module(\n body=[\n  FunctionDef(\n   name='f',\n   args=arguments(\n    args=[\n     arg(arg='a')],\n    vararg=arg(arg='b')),\n   body=[\n    Return()]),\n  Assign(\n   targets=[\n    Name(id='x', ctx=Store())],\n   value=List(ctx=Load()))])";
    assert_eq!(text, expected);
}

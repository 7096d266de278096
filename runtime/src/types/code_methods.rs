//! Making code objects from Python: the constructor and `replace`; comparison and hashes; branches.

use pyrt_compiler::bytecode::code::{CodeData, CodeFlags, LocalKind};
use pyrt_compiler::bytecode::instructions::Opcode;

use crate::exceptions::exc;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::{compare, convert, iterate};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::shapes;
use crate::types::bytes::{self, BytesObject};
use crate::types::code::{self, CodeObject};
use crate::types::string::{self, StrObject};
use crate::types::tuple::{self, TupleObject};
use crate::types::{list, set};

/// The constructor's parameters in order; `replace` takes them with `co_` in front.
const FIELDS: [&str; 18] = [
    "argcount", "posonlyargcount", "kwonlyargcount", "nlocals", "stacksize", "flags", "code", "consts", "names", "varnames",
    "filename", "name", "qualname", "firstlineno", "linetable", "exceptiontable", "freevars", "cellvars",
];

/// The fields as objects, in the order of [`FIELDS`].
struct Parts<'a> {
    function: &'a str,
    values: Vec<Owned>,
}

impl Parts<'_> {
    fn value(&self, name: &str) -> Value {
        let i = FIELDS.iter().position(|field| *field == name).unwrap_or(0);
        *self.values[i]
    }

    fn shown(&self, name: &str) -> String {
        match self.function {
            "replace" => format!("argument 'co_{name}'"),
            _ => format!("argument {}", FIELDS.iter().position(|field| *field == name).unwrap_or(0) + 1),
        }
    }

    fn number(&self, name: &str, thread: &mut Thread) -> PyResult<i32> {
        convert::as_c_int(self.value(name), thread)
    }

    fn count(&self, name: &str, thread: &mut Thread) -> PyResult<u32> {
        let number = self.number(name, thread)?;
        let function = if self.function == "replace" { "co_" } else { "code: " };
        u32::try_from(number).map_err(|_| thread.raise_value_error(format!("{function}{name} must be a positive integer")))
    }

    fn wrong(&self, name: &str, wanted: &str, thread: &mut Thread) -> crate::object::value::Raised {
        let got = self.value(name).type_object().full_name();
        let shown = self.shown(name);
        thread.raise_type_error(format!("{}() {shown} must be {wanted}, not {got}", self.function))
    }

    fn bytes(&self, name: &str, thread: &mut Thread) -> PyResult<Vec<u8>> {
        let value = self.value(name);
        if !bytes::is_bytes(value) {
            return Err(self.wrong(name, "bytes", thread));
        }
        Ok(BytesObject::of(value).as_slice().to_vec())
    }

    fn tuple(&self, name: &str, thread: &mut Thread) -> PyResult<&[Value]> {
        let value = self.value(name);
        if !(value.is_pointer() && value.is_instance(crate::types::builtin_types::TUPLE.get())) {
            return Err(self.wrong(name, "tuple", thread));
        }
        // The tuple lives in `values`, as long as `self`.
        Ok(TupleObject::of(value).items())
    }

    fn text(&self, name: &str, thread: &mut Thread) -> PyResult<String> {
        let value = self.value(name);
        if !string::is_str(value) {
            return Err(self.wrong(name, "str", thread));
        }
        Ok(StrObject::of(value).to_string_lossy())
    }

    fn texts(&self, name: &str, thread: &mut Thread) -> PyResult<Vec<String>> {
        let items = self.tuple(name, thread)?;
        if items.iter().any(|item| !string::is_str(*item)) {
            return Err(match name {
                "names" if self.function == "replace" => thread.raise(&exc::SYSTEM_ERROR, "non-string found in code slot"),
                _ => thread.raise_type_error(format!(
                    "name tuples must contain only strings, not '{}'",
                    items.iter().find(|item| !string::is_str(**item)).map_or(String::new(), |item| item.type_object().full_name())
                )),
            });
        }
        Ok(items.iter().map(|item| StrObject::of(*item).to_string_lossy()).collect())
    }

    fn build(&self, thread: &mut Thread) -> PyResult {
        let (argcount, posonlyargcount) = (self.count("argcount", thread)?, self.count("posonlyargcount", thread)?);
        let kwonlyargcount = self.count("kwonlyargcount", thread)?;
        let nlocals = self.count("nlocals", thread)?;
        let (stacksize, flags) = (self.count("stacksize", thread)?, self.count("flags", thread)?);
        let instructions = self.bytes("code", thread)?;
        let consts = self.tuple("consts", thread)?;
        let names = self.texts("names", thread)?;
        let varnames = self.texts("varnames", thread)?;
        let filename = self.text("filename", thread)?;
        let (name, qualname) = (self.text("name", thread)?, self.text("qualname", thread)?);
        let firstlineno = self.number("firstlineno", thread)?;
        let (linetable, exceptiontable) = (self.bytes("linetable", thread)?, self.bytes("exceptiontable", thread)?);
        let (freevars, cellvars) = (self.texts("freevars", thread)?, self.texts("cellvars", thread)?);
        if instructions.is_empty() || instructions.len() % 2 != 0 {
            return Err(thread.raise_value_error("code: co_code is malformed"));
        }
        if varnames.len() != nlocals as usize {
            return Err(thread.raise_value_error("code: co_nlocals != len(co_varnames)"));
        }
        let code_flags = CodeFlags::from_bits_retain(flags);
        let total = argcount
            + kwonlyargcount
            + u32::from(code_flags.contains(CodeFlags::VARARGS))
            + u32::from(code_flags.contains(CodeFlags::VARKEYWORDS));
        if total > nlocals || posonlyargcount > argcount {
            return Err(thread.raise_value_error("code: co_varnames is too small"));
        }
        let (localsplusnames, localspluskinds) = locals_of(&varnames, &cellvars, &freevars, [argcount, kwonlyargcount], code_flags);
        let data = CodeData {
            argcount,
            posonlyargcount,
            kwonlyargcount,
            stacksize,
            flags,
            code: instructions,
            consts: Vec::new(),
            names,
            localsplusnames,
            localspluskinds,
            filename,
            name,
            qualname,
            firstlineno,
            linetable,
            exceptiontable,
        };
        let consts = consts.iter().map(|item| item.to_owned()).collect();
        let made = code::from_parts(data, consts, thread)?;
        CodeObject::of(*made).set_filename(self.value("filename").to_owned());
        Ok(made)
    }
}

/// Names and kinds of the fast slots.
fn locals_of(varnames: &[String], cellvars: &[String], freevars: &[String], [argcount, kwonly]: [u32; 2], flags: CodeFlags) -> (Vec<String>, Vec<u8>) {
    let (mut names, mut kinds) = (Vec::new(), Vec::new());
    let (positional, keyword) = (argcount as usize, (argcount + kwonly) as usize);
    for (i, name) in varnames.iter().enumerate() {
        let mut kind = LocalKind::LOCAL;
        let star = keyword + usize::from(flags.contains(CodeFlags::VARARGS));
        let double_star = star + usize::from(flags.contains(CodeFlags::VARKEYWORDS));
        if i < positional {
            kind |= LocalKind::ARG_POS | LocalKind::ARG_KW;
        } else if i < keyword {
            kind |= LocalKind::ARG_KW;
        } else if i < star {
            kind |= LocalKind::ARG_VAR | LocalKind::ARG_POS;
        } else if i < double_star {
            kind |= LocalKind::ARG_VAR | LocalKind::ARG_KW;
        }
        if cellvars.contains(name) {
            kind |= LocalKind::CELL;
        }
        names.push(name.clone());
        kinds.push(kind.bits());
    }
    for name in cellvars.iter().filter(|name| !varnames.contains(name)) {
        names.push(name.clone());
        kinds.push(LocalKind::CELL.bits());
    }
    for name in freevars {
        names.push(name.clone());
        kinds.push(LocalKind::FREE.bits());
    }
    (names, kinds)
}

pub(super) fn new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("code() takes no keyword arguments"));
    }
    let n = args.len();
    if !(16..=18).contains(&n) {
        let (bound, limit) = if n < 16 { ("at least", 16) } else { ("at most", 18) };
        return Err(thread.raise_type_error(format!("code expected {bound} {limit} arguments, got {n}")));
    }
    let mut values: Vec<Owned> = args.iter().map(|value| value.to_owned()).collect();
    values.resize_with(18, tuple::empty);
    Parts { function: "code", values }.build(thread)
}

pub(super) fn replace(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !args.is_empty() {
        let n = args.len();
        let were = if n == 1 { "was" } else { "were" };
        return Err(thread.raise_type_error(format!("replace() takes 0 positional arguments but {n} {were} given")));
    }
    let mut values = Vec::with_capacity(FIELDS.len());
    for field in FIELDS {
        values.push(crate::protocol::attribute::get_by_text(this, &format!("co_{field}"), thread)?);
    }
    for i in 0..kwnames.len() {
        let Some(name) = kwnames.get(i) else { break };
        let text = StrObject::of(name).to_string_lossy();
        let field = text.strip_prefix("co_").and_then(|text| FIELDS.iter().position(|field| *field == text));
        let Some(field) = field else {
            return Err(thread.raise_type_error(format!("replace() got an unexpected keyword argument '{text}'")));
        };
        values[field] = args.keyword(i).to_owned();
    }
    Parts { function: "replace", values }.build(thread)
}

/// Whether two constants are the same for the compiler: of one type and equal, floats by sign of zero, parts alike.
fn same_constant(a: Value, b: Value, thread: &mut Thread) -> PyResult<bool> {
    if a.is(b) {
        return Ok(true);
    }
    if !std::ptr::eq(a.type_object(), b.type_object()) {
        return Ok(false);
    }
    if let (Some(x), Some(y)) = (crate::types::float::as_f64(a), crate::types::float::as_f64(b)) {
        return Ok(x.to_bits() == y.to_bits());
    }
    if let (Some(x), Some(y)) = (crate::types::complex::parts(a), crate::types::complex::parts(b)) {
        return Ok(x.0.to_bits() == y.0.to_bits() && x.1.to_bits() == y.1.to_bits());
    }
    if tuple::is_exact(a) {
        let (x, y) = (TupleObject::of(a).items(), TupleObject::of(b).items());
        if x.len() != y.len() {
            return Ok(false);
        }
        for (x, y) in x.iter().zip(y) {
            if !same_constant(*x, *y, thread)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    if set::is_exact_frozenset(a) {
        let (x, y) = (set::SetObject::of(a).entries(), set::SetObject::of(b).entries());
        if x.len() != y.len() {
            return Ok(false);
        }
        for x in &x {
            let mut found = false;
            for y in &y {
                found = found || same_constant(*x.key, *y.key, thread)?;
            }
            if !found {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    compare::equals(a, b, thread)
}

/// Names are interned.
fn same_names(a: &[Value], b: &[Value]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(one, other)| one.is(*other))
}

fn is_same(a: &CodeObject, b: &CodeObject, thread: &mut Thread) -> PyResult<bool> {
    let (x, y) = (&a.data, &b.data);
    let plain = StrObject::of(*a.name).equals(StrObject::of(*b.name))
        && (a.argcount, a.posonlyargcount, a.kwonlyargcount, a.flags, a.firstlineno)
            == (b.argcount, b.posonlyargcount, b.kwonlyargcount, b.flags, b.firstlineno)
        && x.code == y.code
        && same_names(a.names(), b.names())
        && same_names(a.local_names(), b.local_names())
        && x.localspluskinds == y.localspluskinds
        && x.linetable == y.linetable
        && x.exceptiontable == y.exceptiontable
        && a.consts().len() == b.consts().len();
    if !plain {
        return Ok(false);
    }
    for (one, other) in a.consts().iter().zip(b.consts()) {
        if !same_constant(*one, *other, thread)? {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn compare_codes(this: Value, other: Value, op: compare::CompareOp, thread: &mut Thread) -> PyResult {
    let wants_equal = match op {
        compare::CompareOp::Eq => true,
        compare::CompareOp::Ne => false,
        _ => return Ok(Value::not_implemented().to_owned()),
    };
    if !(other.is_pointer() && other.has_shape(shapes::CODE)) {
        return Ok(Value::not_implemented().to_owned());
    }
    let same = this.is(other) || is_same(CodeObject::of(this), CodeObject::of(other), thread)?;
    Ok(Owned::bool(same == wants_equal))
}

pub(super) fn hash(this: Value, thread: &mut Thread) -> PyResult<i64> {
    let code = CodeObject::of(this);
    let data = &code.data;
    let mut parts = vec![
        compare::hash(*code.name, thread)?,
        compare::hash(*code.consts, thread)?,
        compare::hash(*code.names, thread)?,
        compare::hash(*code.localsplusnames, thread)?,
    ];
    parts.extend([code.argcount, code.posonlyargcount, code.kwonlyargcount, code.flags, code.firstlineno as u32].map(i64::from));
    parts.push(crate::types::hashing::hash_bytes(&data.code));
    parts.push(crate::types::hashing::hash_bytes(&data.linetable));
    parts.push(crate::types::hashing::hash_bytes(&data.exceptiontable));
    Ok(crate::types::hashing::combine(parts.into_iter()))
}

/// `(source, target when not taken, target when taken)` of each conditional branch, as byte offsets.
pub(super) fn branches(this: Value, thread: &mut Thread) -> PyResult {
    let instructions = &CodeObject::of(this).data.code;
    let mut found = Vec::new();
    let (mut at, mut extended) = (0usize, 0usize);
    while let Some(&[opcode, argument]) = instructions.get(at * 2..at * 2 + 2).and_then(|pair| pair.first_chunk()) {
        let start = at;
        let oparg = extended << 8 | usize::from(argument);
        let known = Opcode::from_u8(opcode);
        let next = at + 1 + known.map_or(0, Opcode::caches);
        extended = 0;
        let branch = match known {
            Some(Opcode::EXTENDED_ARG) => {
                extended = oparg;
                None
            }
            Some(Opcode::FOR_ITER) => Some((start, next, next + oparg + 2)),
            Some(Opcode::POP_JUMP_IF_FALSE | Opcode::POP_JUMP_IF_TRUE | Opcode::POP_JUMP_IF_NONE | Opcode::POP_JUMP_IF_NOT_NONE) => {
                Some((start, next + 1, next + oparg))
            }
            Some(Opcode::END_ASYNC_FOR) => next.checked_sub(oparg).map(|source| (source, source + 2, next)),
            _ => None,
        };
        if let Some((source, not_taken, taken)) = branch {
            found.push(tuple::pack([source, not_taken, taken].map(|unit| Owned::usize(unit * 2))));
        }
        at = next;
    }
    iterate::iter(*list::from_vec(found), thread)
}

pub(super) fn varname_from_oparg(this: Value, oparg: Value, thread: &mut Thread) -> PyResult {
    let index = convert::as_c_int(oparg, thread)?;
    let names = CodeObject::of(this).local_names();
    match usize::try_from(index).ok().and_then(|index| names.get(index)) {
        Some(name) => Ok(name.to_owned()),
        None => Err(thread.raise(&exc::INDEX_ERROR, "tuple index out of range")),
    }
}

/// Pairs of byte and line increments (PEP 626 keeps it for old tools).
pub(super) fn lnotab(this: Value, thread: &mut Thread) -> PyResult {
    crate::builtins::warn(&exc::DEPRECATION_WARNING, "co_lnotab is deprecated, use co_lines instead.", 1, thread)?;
    let code = CodeObject::of(this);
    let mut out: Vec<u8> = Vec::new();
    let (mut last_offset, mut last_line) = (0i64, i64::from(code.firstlineno));
    crate::interp::locations::for_each_entry(&code.data.linetable, code.firstlineno, |start, _, position| {
        let Some(line) = position.line.map(i64::from) else { return true };
        let (mut bytes, mut lines) = (i64::from(start) * 2 - last_offset, line - last_line);
        if lines != 0 {
            while bytes > 255 {
                out.extend([255, 0]);
                bytes -= 255;
            }
            while !(-128..=127).contains(&lines) {
                let step = if lines < 0 { -128 } else { 127 };
                out.extend([bytes as u8, step as i8 as u8]);
                bytes = 0;
                lines -= step;
            }
            out.extend([bytes as u8, lines as i8 as u8]);
            last_offset = i64::from(start) * 2;
            last_line = line;
        }
        true
    });
    Ok(bytes::from_vec(out))
}

//! `code`: what the compiler made, ready to run.
//!
//! `co_code` is CPython's stream and never changes. What runs is an internal stream of 32-bit atomic units: an opcode in
//! the low 8 bits and the whole argument above (EXTENDED_ARG folded, jump targets as unit numbers). An instruction with
//! inline caches is followed by one unit that holds the number of its cache cell. `offsets` maps units back to
//! CPython's offsets for `f_lasti`, tables and `dis`.

use pyrt_compiler::bytecode::code::{CodeData, CodeFlags, Const, LocalKind};
use pyrt_compiler::bytecode::instructions::Opcode;

use crate::interp::inline_cache::{CacheCell, LateCells};
use crate::interp::translate::UnitOffsets;
use crate::interp::tracing::Monitoring;
use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::sync::{AtomicPtr, AtomicU8, AtomicU32, Ordering};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{CODE, shapes};
use crate::protocol::native::NativeFn;
use crate::types::type_object::*;
use crate::types::{bytes, code_methods, string, tuple};

/// One unit of the internal stream.
pub type Unit = AtomicU32;

/// A row of the exception table in unit numbers.
#[derive(Clone, Copy, Debug)]
pub struct Handler {
    pub start: u32,
    pub end: u32,
    pub target: u32,
    pub depth: u32,
    pub push_lasti: bool,
}

/// The byte strings of a code object, as CPython has them.
pub struct CodeBytes {
    pub code: Box<[u8]>,
    pub localspluskinds: Box<[u8]>,
    pub linetable: Box<[u8]>,
    pub exceptiontable: Box<[u8]>,
}

#[repr(C)]
pub struct CodeObject {
    pub header: Header,
    pub argcount: u32,
    pub posonlyargcount: u32,
    pub kwonlyargcount: u32,
    pub flags: u32,
    pub stacksize: u32,
    /// Number of fast slots: locals, cells, free variables.
    pub nlocalsplus: u32,
    pub nlocals: u32,
    pub ncells: u32,
    pub nfrees: u32,
    pub firstlineno: i32,
    /// Arguments that a call fills, `*args` and `**kwargs` included.
    pub total_args: u32,
    /// Whether a call with exactly `argcount` positional arguments fills the frame by a plain copy.
    pub is_simple: bool,
    pub data: CodeBytes,
    pub consts: Owned,
    pub names: Owned,
    pub localsplusnames: Owned,
    pub filename: Slot,
    pub name: Owned,
    pub qualname: Owned,
    pub units: Box<[Unit]>,
    /// CPython's offset in code units (2 bytes) of each unit.
    offsets: UnitOffsets,
    pub handlers: Box<[Handler]>,
    /// The cache cells, made at RESUME.
    cells: LateCells,
    /// What instrumentation keeps beside the code, null before the first.
    pub monitoring: AtomicPtr<Monitoring>,
    /// `co_extra`-like: has the code run often enough to be specialised.
    pub warmth: AtomicU8,
}


impl CodeObject {
    /// The code object that `value` is; the caller knows that it is one.
    #[inline(always)]
    pub fn of<'a>(value: Value) -> &'a CodeObject {
        debug_assert!(value.has_shape(shapes::CODE));
        // SAFETY: the caller's claim, checked above in debug builds.
        unsafe { value.as_ref() }
    }

    #[inline(always)]
    pub fn value(&self) -> Value {
        Value::from_object(self)
    }

    #[inline(always)]
    pub fn has_flag(&self, flag: CodeFlags) -> bool {
        self.flags & flag.bits() != 0
    }

    #[inline(always)]
    pub fn consts(&self) -> &[Value] {
        tuple::TupleObject::of(*self.consts).items()
    }

    #[inline(always)]
    pub fn names(&self) -> &[Value] {
        tuple::TupleObject::of(*self.names).items()
    }

    #[inline(always)]
    pub fn local_names(&self) -> &[Value] {
        tuple::TupleObject::of(*self.localsplusnames).items()
    }

    pub fn local_kind(&self, i: usize) -> LocalKind {
        LocalKind::from_bits_truncate(self.data.localspluskinds.get(i).copied().unwrap_or(0))
    }

    /// Cell number `i`.
    ///
    /// # Safety
    /// The code has been made ready, and `i` is the number in a cell unit of it.
    #[inline(always)]
    pub unsafe fn cell(&self, i: usize) -> &CacheCell {
        // SAFETY: the caller's obligation; ordered by the RESUME of the function (`prepare`).
        unsafe { self.cells.get(i) }
    }

    /// Makes the code ready to run: gives it its cells. Every path to an instruction with a cell has passed a RESUME that
    /// calls this, or has been put in its place by one that did.
    #[cold]
    pub fn prepare(&self) {
        self.cells.prepare();
    }

    /// Words of a frame of this code: locals and stack.
    #[inline(always)]
    pub fn frame_words(&self) -> usize {
        (self.nlocalsplus + self.stacksize) as usize
    }

    pub fn filename(&self) -> Owned {
        self.filename.load(&self.header).unwrap_or_else(string::empty)
    }

    pub fn set_filename(&self, filename: Owned) {
        drop(self.filename.replace(&self.header, Some(filename)));
    }

    /// The number of the unit at `ip`.
    #[inline]
    pub fn unit_number(&self, ip: *const Unit) -> usize {
        (ip as usize - self.units.as_ptr() as usize) / size_of::<Unit>()
    }

    /// CPython's byte offset of unit `unit` (`f_lasti`).
    pub fn lasti_of_unit(&self, unit: usize) -> i32 {
        self.offsets.offset_of(&self.data.code, unit).map_or(-1, |offset| (offset * 2) as i32)
    }

    /// The unit at or after CPython's byte offset `lasti`.
    pub fn unit_of_lasti(&self, lasti: i32) -> usize {
        self.offsets.unit_at_or_after(&self.data.code, (lasti.max(0) / 2) as u32)
    }

    /// CPython's offset, in its code units, of each unit.
    pub fn unit_offsets(&self) -> Vec<u32> {
        self.offsets.all(&self.data.code)
    }

    /// The handler of an exception raised at `unit`.
    pub fn handler_for(&self, unit: usize) -> Option<Handler> {
        let unit = unit as u32;
        // Rows are sorted by start and do not overlap.
        let i = self.handlers.partition_point(|row| row.start <= unit);
        self.handlers[..i].last().filter(|row| unit < row.end).copied()
    }

    /// The line of CPython's byte offset `lasti`, none for instructions without one.
    pub fn line_of_lasti(&self, lasti: i32) -> Option<i32> {
        if lasti < 0 {
            return Some(self.firstlineno);
        }
        crate::interp::locations::line_of(&self.data.linetable, self.firstlineno, lasti as u32 / 2)
    }
}

/// A code object from the compiler's data. Constants and names become interned, immortal objects.
pub fn from_data(data: CodeData, thread: &mut Thread) -> PyResult {
    let consts = data.consts.iter().map(|constant| constant_object(constant, thread)).collect::<PyResult<Vec<_>>>()?;
    from_parts(data, consts, thread)
}

/// A code object whose constants exist already (`code.replace`, `types.CodeType`, marshal).
pub fn from_parts(mut data: CodeData, consts: Vec<Owned>, thread: &mut Thread) -> PyResult {
    if !thread.interpreter.config.read().code_debug_ranges {
        data.linetable = crate::interp::locations::without_columns(&data.linetable, data.firstlineno);
    }
    let intern_all = |names: &[String]| tuple::from_vec(names.iter().map(|name| string::intern_str(name)).collect());
    let names = intern_all(&data.names);
    let localsplusnames = intern_all(&data.localsplusnames);
    let flags = CodeFlags::from_bits_retain(data.flags);
    let kinds = |wanted: LocalKind| {
        data.localspluskinds.iter().filter(|kind| LocalKind::from_bits_truncate(**kind).intersects(wanted)).count() as u32
    };
    let translated = crate::interp::translate::translate(&data).map_err(|message| thread.raise_value_error(message))?;
    let total_args = data.argcount
        + data.kwonlyargcount
        + u32::from(flags.contains(CodeFlags::VARARGS))
        + u32::from(flags.contains(CodeFlags::VARKEYWORDS));
    let is_simple = data.kwonlyargcount == 0
        && !flags.intersects(CodeFlags::VARARGS | CodeFlags::VARKEYWORDS)
        && flags.contains(CodeFlags::OPTIMIZED | CodeFlags::NEWLOCALS);
    let (nlocals, ncells, nfrees) = (kinds(LocalKind::LOCAL), kinds(LocalKind::CELL), kinds(LocalKind::FREE));
    let name = string::intern_str(&data.name);
    let qualname = string::intern_str(&data.qualname);
    let filename = string::intern_str(&data.filename);
    let consts = tuple::from_vec(consts);
    let nlocalsplus = data.localsplusnames.len() as u32;
    let cells = LateCells::new(translated.n_cells);
    if translated.needs_cells_at_once {
        cells.prepare();
    }
    Ok(lifetime::allocate_object(CODE.get(), |header| {
        header.born_deferred();
        CodeObject {
            header,
            argcount: data.argcount,
            posonlyargcount: data.posonlyargcount,
            kwonlyargcount: data.kwonlyargcount,
            flags: data.flags,
            stacksize: data.stacksize,
            nlocalsplus,
            nlocals,
            ncells,
            nfrees,
            firstlineno: data.firstlineno,
            total_args,
            is_simple,
            data: CodeBytes {
                code: data.code.into(),
                localspluskinds: data.localspluskinds.into(),
                linetable: data.linetable.into(),
                exceptiontable: data.exceptiontable.into(),
            },
            consts,
            names,
            localsplusnames,
            filename: Slot::new(filename),
            name,
            qualname,
            units: translated.units,
            offsets: translated.offsets,
            handlers: translated.handlers,
            cells,
            monitoring: AtomicPtr::new(std::ptr::null_mut()),
            warmth: AtomicU8::new(0),
        }
    }))
}

/// The object of a constant. Strings that look like names are interned, as in CPython.
pub fn constant_object(constant: &Const, thread: &mut Thread) -> PyResult {
    Ok(match constant {
        Const::None => Owned::none(),
        Const::True => Owned::true_(),
        Const::False => Owned::false_(),
        Const::Ellipsis => Owned::ellipsis(),
        Const::Int(value) => Owned::int(*value),
        Const::BigInt { negative, limbs } => crate::types::int::from_limbs(*negative, limbs),
        Const::Float(value) => Owned::float(*value),
        Const::Complex(re, im) => crate::types::complex::new(*re, *im),
        Const::Str(text) => {
            let object = string::from_wtf8(text);
            if text.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') { string::intern(object) } else { object }
        }
        Const::Bytes(bytes) => bytes::from_slice(bytes),
        Const::Tuple(items) => {
            tuple::from_vec(items.iter().map(|item| constant_object(item, thread)).collect::<PyResult<Vec<_>>>()?)
        }
        Const::FrozenSet(items) => {
            let items = items.iter().map(|item| constant_object(item, thread)).collect::<PyResult<Vec<_>>>()?;
            crate::types::set::frozenset_from(items, thread)?
        }
        Const::Slice(parts) => {
            let parts = parts.iter().map(|part| constant_object(part, thread)).collect::<PyResult<Vec<_>>>()?;
            let [start, stop, step] = <[Owned; 3]>::try_from(parts).unwrap_or_else(|_| [Owned::none(), Owned::none(), Owned::none()]);
            crate::types::slice::new(start, stop, step)
        }
        Const::Code(data) => from_data((**data).clone(), thread)?,
    })
}

/// The opcode in a unit.
#[inline(always)]
pub const fn unit_opcode(unit: u32) -> u8 {
    unit as u8
}

/// The argument in a unit.
#[inline(always)]
pub const fn unit_oparg(unit: u32) -> u32 {
    unit >> 8
}

/// A unit of opcode and argument.
#[inline(always)]
pub const fn make_unit(opcode: u8, oparg: u32) -> u32 {
    opcode as u32 | oparg << 8
}

/// Whether instruction `opcode` is followed by a cell unit.
pub const fn has_cell(opcode: Opcode) -> bool {
    opcode.caches() > 0
}

impl CodeObject {
    /// Shows the object's references.
    pub(crate) unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
        // SAFETY: the object is a code object.
        let code = unsafe { value.as_ref::<CodeObject>() };
        visit(*code.consts);
        visit(*code.names);
        visit(*code.localsplusnames);
        visit(*code.name);
        visit(*code.qualname);
        if let Some(filename) = code.filename.peek() {
            visit(filename);
        }
        for cell in code.cells.all() {
            cell.traverse(visit);
        }
    }

    pub(crate) unsafe fn dealloc(value: Value) {
        let monitoring = CodeObject::of(value).monitoring.load(Ordering::Relaxed);
        // SAFETY: the object is dead: its Rust fields are dropped once. The header's atomics need no drop.
        unsafe {
            if !monitoring.is_null() {
                drop(Box::from_raw(monitoring));
            }
            std::ptr::drop_in_place(value.header().cast::<CodeObject>());
        }
    }
}

fn get_consts(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(CodeObject::of(this).consts.clone())
}

fn get_names(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(CodeObject::of(this).names.clone())
}

fn names_of_kind(this: Value, wanted: LocalKind) -> PyResult {
    let code = CodeObject::of(this);
    let names = code.local_names();
    Ok(tuple::from_vec((0..names.len()).filter(|&i| code.local_kind(i).intersects(wanted)).map(|i| names[i].to_owned()).collect()))
}

fn get_varnames(this: Value, _thread: &mut Thread) -> PyResult {
    names_of_kind(this, LocalKind::LOCAL)
}

fn get_cellvars(this: Value, _thread: &mut Thread) -> PyResult {
    names_of_kind(this, LocalKind::CELL)
}

fn get_freevars(this: Value, _thread: &mut Thread) -> PyResult {
    names_of_kind(this, LocalKind::FREE)
}

fn get_filename(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(CodeObject::of(this).filename())
}

fn get_name(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(CodeObject::of(this).name.clone())
}

fn get_qualname(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(CodeObject::of(this).qualname.clone())
}

fn get_code_bytes(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(bytes::from_slice(&CodeObject::of(this).data.code))
}

fn get_linetable(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(bytes::from_slice(&CodeObject::of(this).data.linetable))
}

fn get_exceptiontable(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(bytes::from_slice(&CodeObject::of(this).data.exceptiontable))
}

macro_rules! numbers {
    ($($function:ident $field:ident;)*) => {$(
        fn $function(this: Value, _thread: &mut Thread) -> PyResult {
            Ok(Owned::int(i64::from(CodeObject::of(this).$field)))
        }
    )*};
}

numbers! {
    get_argcount argcount;
    get_posonlyargcount posonlyargcount;
    get_kwonlyargcount kwonlyargcount;
    get_flags flags;
    get_stacksize stacksize;
    get_nlocals nlocals;
    get_firstlineno firstlineno;
}

fn code_repr(this: Value, _thread: &mut Thread) -> PyResult {
    let code = CodeObject::of(this);
    let (name, file) = (string::StrObject::of(*code.name).to_string_lossy(), string::StrObject::of(*code.filename()).to_string_lossy());
    Ok(Owned::str(&format!("<code object {name} at {:#x}, file \"{file}\", line {}>", this.id(), code.firstlineno)))
}

fn positions(this: Value, thread: &mut Thread) -> PyResult {
    let code = CodeObject::of(this);
    let mut out = Vec::new();
    crate::interp::locations::for_each_entry(&code.data.linetable, code.firstlineno, |start, end, position| {
        let number = |part: Option<i32>| part.map_or_else(Owned::none, |part| Owned::int(i64::from(part)));
        for _ in start..end {
            out.push(tuple::pack([number(position.line), number(position.end_line), number(position.col), number(position.end_col)]));
        }
        true
    });
    crate::protocol::iterate::iter(*crate::types::list::from_vec(out), thread)
}

fn lines(this: Value, thread: &mut Thread) -> PyResult {
    let code = CodeObject::of(this);
    let mut ranges: Vec<(u32, u32, Option<i32>)> = Vec::new();
    crate::interp::locations::for_each_entry(&code.data.linetable, code.firstlineno, |start, end, position| {
        match ranges.last_mut() {
            Some(last) if last.2 == position.line => last.1 = end,
            _ => ranges.push((start, end, position.line)),
        }
        true
    });
    let items = ranges
        .into_iter()
        .map(|(start, end, line)| {
            let line = line.map_or_else(Owned::none, |line| Owned::int(i64::from(line)));
            tuple::pack([Owned::int(i64::from(start) * 2), Owned::int(i64::from(end) * 2), line])
        })
        .collect();
    crate::protocol::iterate::iter(*crate::types::list::from_vec(items), thread)
}

const fn getset(name: &'static str, get: fn(Value, &mut Thread) -> PyResult) -> GetSetDef {
    GetSetDef { name, get, set: None, doc: "" }
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "code",
    doc: "Create a code object.  Not for mere mortals.",
    flags: TYPE_GC | TYPE_WEAKREFABLE,
    basic_size: size_of::<CodeObject>(),
    slots: &[
        SlotFn::repr(code_repr),
        SlotFn::new(code_methods::new),
        SlotFn::hash(code_methods::hash),
        SlotFn::richcompare(code_methods::compare_codes),
    ],
    methods: &[
        MethodDef { name: "co_positions", func: NativeFn::NoArgs(positions), kind: MethodKind::Instance, signature: "-($self)", doc: "Positions of each instruction." },
        method("replace", NativeFn::Raw(code_methods::replace), "($self, /, **changes)", "Return a copy of the code object with new values for the specified fields."),
        method("__replace__", NativeFn::Raw(code_methods::replace), "($self, /, **changes)", "The same as replace()."),
        method("co_branches", NativeFn::NoArgs(code_methods::branches), "-($self)", "Source and targets of each conditional branch."),
        method("_varname_from_oparg", NativeFn::One(code_methods::varname_from_oparg), "($self, /, oparg)", "The name of a fast slot."),
        MethodDef { name: "co_lines", func: NativeFn::NoArgs(lines), kind: MethodKind::Instance, signature: "-($self)", doc: "Ranges of instructions with their lines." },
    ],
    getsets: &[
        getset("co_argcount", get_argcount),
        getset("co_posonlyargcount", get_posonlyargcount),
        getset("co_kwonlyargcount", get_kwonlyargcount),
        getset("co_stacksize", get_stacksize),
        getset("co_flags", get_flags),
        getset("co_nlocals", get_nlocals),
        getset("co_firstlineno", get_firstlineno),
        getset("co_names", get_names),
        getset("co_filename", get_filename),
        getset("co_name", get_name),
        getset("co_qualname", get_qualname),
        getset("co_linetable", get_linetable),
        getset("co_exceptiontable", get_exceptiontable),
        getset("co_consts", get_consts),
        getset("co_varnames", get_varnames),
        getset("co_cellvars", get_cellvars),
        getset("co_freevars", get_freevars),
        getset("co_code", get_code_bytes),
        getset("co_lnotab", code_methods::lnotab),
        getset("_co_code_adaptive", get_code_bytes),
    ],
    dealloc: Some(CodeObject::dealloc),
    traverse: Some(CodeObject::traverse),
    ..TypeSpec::DEFAULT
};

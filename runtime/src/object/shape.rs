//! Shapes: a 32-bit number in every header that stands for the type, the attribute layout and a version.
//!
//! The table lies in a reserved address range and never moves. Built-in types have fixed small numbers, so "is exactly
//! int" is one compare with a constant. Instances of classes keep attributes in slots of the object; adding one is a
//! transition to another shape. A slot never changes its name while the object lives (PROTOCOLS M15): deleting an
//! attribute, or adding one beyond the capacity, moves the object to its type's *dict* shape.
//!
//! # Who may touch what
//! * An entry is written when its number is given out, under the table's lock; only `version` and `ty` change later.
//! * `version` 0 means "never cache". It changes before a mutation of the type is visible.

use std::ptr::null_mut;

pub use super::attribute_slots::FORWARDED;
pub use super::header::ShapeId;
use super::header::Header;
use super::value::Value;
use super::version::Version;
use crate::sync::{AtomicPtr, AtomicU32, LeafMutex, Ordering};
use crate::types::type_object::TypeObject;

/// Shapes that the reserved range can hold.
const MAX_SHAPES: usize = 1 << 22;
/// Shapes of one type; a type that needs more keeps its attributes in dicts.
const MAX_SHAPES_PER_TYPE: u32 = 1024;
/// Shape numbers below this belong to built-in types (types/builtin_types.rs).
pub const FIRST_DYNAMIC: ShapeId = 1024;
/// How the objects of a shape keep their attributes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum AttributeMode {
    /// No `__dict__` at all.
    None = 0,
    /// In slots of the object, as the shape's keys say.
    Inline = 1,
    /// In the dict whose pointer the object holds (none yet: no attributes).
    Dict = 2,
}

#[repr(C)]
pub struct ShapeEntry {
    ty: AtomicPtr<TypeObject>,
    version: Version,
    mode: u8,
    /// Index of the first attribute slot, in words from the start of the object.
    first_slot: u16,
    capacity: u16,
    /// Attributes in slots.
    length: u16,
    /// The shape that this one follows from by an addition, 0 for roots.
    parent: AtomicU32,
    layout: AtomicPtr<ShapeLayout>,
}

/// The rarely used part of an inline shape.
pub struct ShapeLayout {
    /// Attribute names in slot order: interned strings, which are never freed.
    pub keys: Box<[Value]>,
    transitions: LeafMutex<Vec<(u64, ShapeId)>>,
}

struct Table {
    next: ShapeId,
    free: Vec<ShapeId>,
}

static BASE: AtomicPtr<ShapeEntry> = AtomicPtr::new(null_mut());
static TABLE: LeafMutex<Table> = LeafMutex::new(Table { next: FIRST_DYNAMIC, free: Vec::new() });

/// Reserves the table. Called once, before the first object is made.
pub fn initialize() {
    if !BASE.load(Ordering::Relaxed).is_null() {
        return;
    }
    let size = MAX_SHAPES * size_of::<ShapeEntry>();
    // SAFETY: maps fresh zeroed memory; a zero entry is a valid "unused" entry.
    let base = unsafe {
        libc::mmap(
            null_mut(),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    assert!(base != libc::MAP_FAILED, "cannot reserve the shape table");
    BASE.store(base.cast(), Ordering::Release);
}

/// The entry of a shape that is in use.
#[inline(always)]
pub fn entry(shape: ShapeId) -> &'static ShapeEntry {
    debug_assert!((shape as usize) < MAX_SHAPES);
    // SAFETY: the table is reserved before the first object exists, never moves, and is never unmapped.
    // Relaxed: set once before other threads start.
    unsafe { &*BASE.load(Ordering::Relaxed).add(shape as usize) }
}

/// The type of the object with this header.
#[inline(always)]
pub fn type_of_header(header: &Header) -> &'static TypeObject {
    // Relaxed: the entry was complete before the object was published.
    entry(header.shape.load(Ordering::Relaxed)).ty()
}

impl ShapeEntry {
    #[inline(always)]
    pub fn ty(&self) -> &'static TypeObject {
        // SAFETY: an entry in use names a type that lives as long as objects of it (PROTOCOLS M9). Relaxed: see above.
        unsafe { &*self.ty.load(Ordering::Relaxed) }
    }

    #[inline(always)]
    pub fn ty_pointer(&self) -> *mut TypeObject {
        self.ty.load(Ordering::Relaxed)
    }

    /// The 16-bit version that a cache cell must match; 0 never matches.
    #[inline(always)]
    pub fn version(&self) -> u32 {
        self.version.get()
    }

    #[inline(always)]
    pub fn mode(&self) -> AttributeMode {
        match self.mode {
            1 => AttributeMode::Inline,
            2 => AttributeMode::Dict,
            _ => AttributeMode::None,
        }
    }

    /// Word offset of the first attribute slot from the start of the object.
    #[inline]
    pub fn first_slot(&self) -> usize {
        usize::from(self.first_slot)
    }

    /// Attribute slots that objects of this shape have room for.
    #[inline]
    pub fn capacity(&self) -> usize {
        usize::from(self.capacity)
    }

    /// The names of the attributes in slot order.
    pub fn keys(&self) -> &'static [Value] {
        let layout = self.layout.load(Ordering::Acquire);
        if layout.is_null() {
            return &[];
        }
        // SAFETY: a layout lives as long as its number is in use.
        unsafe { &(*layout).keys }
    }

    /// The slot of attribute `name`, an interned string.
    #[inline]
    pub fn find(&self, name: Value) -> Option<usize> {
        self.keys().iter().position(|key| key.bits() == name.bits())
    }

    /// Facts about the type have changed: no cell that names the old version may match any more.
    pub fn bump_version(&self) {
        self.version.bump();
    }
}

/// Whether `to` is what `from` becomes when an attribute is added in the slot at word `offset` of the object.
#[inline(always)]
pub fn is_successor(from: ShapeId, to: ShapeId, offset: usize) -> bool {
    // Relaxed: written once, with the entry.
    let new = entry(to);
    new.parent.load(Ordering::Relaxed) == from && usize::from(new.first_slot) + usize::from(new.length) == offset + 1
}

/// Writes the entry of a built-in type's fixed shape.
pub fn define_builtin(shape: ShapeId, ty: *mut TypeObject, mode: AttributeMode) {
    write_entry(shape, ty, mode, (0, 0), (0, 0), null_mut());
}

fn write_entry(
    shape: ShapeId,
    ty: *mut TypeObject,
    mode: AttributeMode,
    (first_slot, capacity): (usize, usize),
    (parent, length): (ShapeId, usize),
    layout: *mut ShapeLayout,
) {
    // SAFETY: the number has just been given out (or is fixed and defined once), so nobody reads the entry yet; it is
    // published with the object or type that carries it.
    unsafe {
        let at = BASE.load(Ordering::Relaxed).add(shape as usize);
        at.write(ShapeEntry {
            ty: AtomicPtr::new(ty),
            version: Version::new(),
            mode: mode as u8,
            first_slot: first_slot as u16,
            capacity: capacity as u16,
            length: length as u16,
            parent: AtomicU32::new(parent),
            layout: AtomicPtr::new(layout),
        });
    }
}

fn take_number() -> Option<ShapeId> {
    let mut table = TABLE.lock();
    if let Some(shape) = table.free.pop() {
        return Some(shape);
    }
    if table.next as usize >= MAX_SHAPES {
        return None;
    }
    table.next += 1;
    Some(table.next - 1)
}

/// A new shape of type `ty` without attributes. `None` when all numbers are used up.
pub fn new_root(ty: *mut TypeObject, mode: AttributeMode, first_slot: usize, capacity: usize) -> Option<ShapeId> {
    let shape = take_number()?;
    let layout = if mode == AttributeMode::Inline {
        Box::into_raw(Box::new(ShapeLayout { keys: Box::new([]), transitions: LeafMutex::new(Vec::new()) }))
    } else {
        null_mut()
    };
    write_entry(shape, ty, mode, (first_slot, capacity), (0, 0), layout);
    Some(shape)
}

/// The shape of an object of shape `from` after attribute `name` (an interned string) is added in the next slot. `None`
/// when the object must go to dict mode: no capacity, too many shapes.
pub fn transition(from: ShapeId, name: Value) -> Option<ShapeId> {
    let old = entry(from);
    let layout = old.layout.load(Ordering::Acquire);
    if layout.is_null() || old.mode() != AttributeMode::Inline {
        return None;
    }
    // SAFETY: a layout lives as long as its number is in use, and `from` is the shape of a live object.
    let layout = unsafe { &*layout };
    if layout.keys.len() >= old.capacity() {
        return None;
    }
    let mut transitions = layout.transitions.lock();
    if let Some(&(_, to)) = transitions.iter().find(|(key, _)| *key == name.bits()) {
        return Some(to);
    }
    let ty = old.ty();
    if ty.count_shape() > MAX_SHAPES_PER_TYPE {
        return None;
    }
    let to = take_number()?;
    let mut keys = Vec::with_capacity(layout.keys.len() + 1);
    keys.extend_from_slice(&layout.keys);
    keys.push(name);
    let length = keys.len();
    let new = Box::into_raw(Box::new(ShapeLayout { keys: keys.into_boxed_slice(), transitions: LeafMutex::new(Vec::new()) }));
    write_entry(to, old.ty_pointer(), AttributeMode::Inline, (old.first_slot(), old.capacity()), (from, length), new);
    if old.version() == 0 {
        entry(to).version.retire();
    }
    ty.add_shape(to);
    transitions.push((name.bits(), to));
    Some(to)
}

/// Gives the numbers of a dead type's shapes back. Only a collection calls it, after clearing every cache cell that
/// names one of them (PROTOCOLS M9).
pub fn give_back(shapes: &[ShapeId]) {
    let mut table = TABLE.lock();
    for &shape in shapes {
        let layout = entry(shape).layout.swap(null_mut(), Ordering::Relaxed);
        if !layout.is_null() {
            // SAFETY: the type is dead and the world stopped: nobody reads the layout.
            drop(unsafe { Box::from_raw(layout) });
        }
        entry(shape).version.retire();
        table.free.push(shape);
    }
}

//! The immutable map behind a context: a hash array mapped trie, so that a copy costs nothing and a change copies one
//! path.
//!
//! # Invariants
//! * Nodes are objects that the collector follows, and never change once they are made; maps share them.
//! * Every variable has a 64-bit hash that no other variable has, so no two keys ever share a whole path.

use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, Value};
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::type_object::*;

use crate::native_type::{References, followed, object};

const BITS: u32 = 5;
const MASK: u64 = (1 << BITS) - 1;

/// What stands at one place of a node.
#[derive(Clone)]
enum Child {
    Leaf { hash: u64, key: Owned, value: Owned },
    Branch(Owned),
}

#[repr(C)]
struct Node {
    header: Header,
    /// Which of the 32 places are taken; the children lie in this order.
    bitmap: u32,
    children: Vec<Child>,
}

impl References for Node {
    fn visit(&self, visit: &mut dyn FnMut(Value)) {
        for child in &self.children {
            match child {
                Child::Leaf { key, value, .. } => {
                    visit(**key);
                    visit(**value);
                }
                Child::Branch(node) => visit(**node),
            }
        }
    }
}

static NODE_SPEC: TypeSpec = TypeSpec { name: "hamt_bitmap_node", flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION, ..followed::<Node>() };
static NODE: StaticType = StaticType::new(&NODE_SPEC);

fn node<'a>(value: Value) -> &'a Node {
    // SAFETY: called for nodes only.
    unsafe { object(value) }
}

fn make(bitmap: u32, children: Vec<Child>) -> Owned {
    allocate_object(NODE.get(), |header| Node { header, bitmap, children })
}

/// An empty map.
pub fn empty() -> Owned {
    make(0, Vec::new())
}

impl Node {
    /// The place of a hash at a depth: its bit, and the index among the children.
    fn place(&self, hash: u64, shift: u32) -> (u32, usize) {
        let bit = 1u32 << ((hash >> shift) & MASK);
        (bit, (self.bitmap & (bit - 1)).count_ones() as usize)
    }

    fn child(&self, hash: u64, shift: u32) -> Option<&Child> {
        let (bit, index) = self.place(hash, shift);
        if self.bitmap & bit == 0 { None } else { self.children.get(index) }
    }
}

/// The value of a key, borrowed from the map.
pub fn get(root: Value, hash: u64) -> Option<Value> {
    let (mut at, mut shift) = (node(root), 0);
    loop {
        match at.child(hash, shift)? {
            Child::Leaf { hash: own, value, .. } => return if *own == hash { Some(**value) } else { None },
            Child::Branch(next) => at = node(**next),
        }
        shift += BITS;
    }
}

/// A map with the key set, and whether the key is new.
pub fn with(root: Value, hash: u64, key: Value, value: Value) -> (Owned, bool) {
    insert(root, Child::Leaf { hash, key: key.to_owned(), value: value.to_owned() }, hash, 0)
}

fn insert(root: Value, leaf: Child, hash: u64, shift: u32) -> (Owned, bool) {
    let this = node(root);
    let (bit, index) = this.place(hash, shift);
    let mut children = this.children.clone();
    if this.bitmap & bit == 0 {
        children.insert(index, leaf);
        return (make(this.bitmap | bit, children), true);
    }
    let is_new = match &this.children[index] {
        Child::Leaf { hash: own, .. } if *own == hash => {
            children[index] = leaf;
            false
        }
        Child::Leaf { hash: own, .. } => {
            // Two keys at one place: both go one level down.
            let own = *own;
            let old = std::mem::replace(&mut children[index], Child::Branch(empty()));
            let (below, _) = insert(*empty(), old, own, shift + BITS);
            let (below, _) = insert(*below, leaf, hash, shift + BITS);
            children[index] = Child::Branch(below);
            true
        }
        Child::Branch(next) => {
            let (below, is_new) = insert(**next, leaf, hash, shift + BITS);
            children[index] = Child::Branch(below);
            is_new
        }
    };
    (make(this.bitmap, children), is_new)
}

/// A map without the key; none if it is not there.
pub fn without(root: Value, hash: u64) -> Option<Owned> {
    remove(root, hash, 0)
}

fn remove(root: Value, hash: u64, shift: u32) -> Option<Owned> {
    let this = node(root);
    let (bit, index) = this.place(hash, shift);
    let mut children = this.children.clone();
    let mut bitmap = this.bitmap;
    match this.child(hash, shift)? {
        Child::Leaf { hash: own, .. } if *own != hash => return None,
        Child::Leaf { .. } => {
            children.remove(index);
            bitmap &= !bit;
        }
        Child::Branch(next) => {
            let below = remove(**next, hash, shift + BITS)?;
            children[index] = match node(*below).children.as_slice() {
                // A lone leaf moves up.
                [leaf @ Child::Leaf { .. }] => leaf.clone(),
                _ => Child::Branch(below),
            };
        }
    }
    Some(make(bitmap, children))
}

/// All keys and values.
pub fn entries(root: Value) -> Vec<(Owned, Owned)> {
    let mut out = Vec::new();
    let mut stack: Vec<Value> = vec![root];
    while let Some(next) = stack.pop() {
        for child in &node(next).children {
            match child {
                Child::Leaf { key, value, .. } => out.push((key.clone(), value.clone())),
                Child::Branch(node) => stack.push(**node),
            }
        }
    }
    out
}

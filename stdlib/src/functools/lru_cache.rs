//! `_lru_cache_wrapper`.
//!
//! A hit looks the key up in a dict, which takes no lock, and then, in a bounded cache, moves the entry to the young end
//! of the order under the lock of this one wrapper; no lock is shared between caches.
//!
//! # Invariants
//! * `cache` maps keys to results (unbounded) or to [`Link`] objects (bounded).
//! * `order` is a doubly linked list of links in an array, from the oldest to the youngest; a link that has been taken
//!   out of it may still be found in the dict for a moment, and then is not moved.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::{self, allocate_object};
use pyrt_runtime::object::value::{Owned, PyResult, Slot, Value};
use pyrt_runtime::object::{FREE_THREADED, Guarded};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{attribute, call, compare, convert};
use pyrt_runtime::sync::{AtomicI64, AtomicUsize, Ordering};
use pyrt_runtime::threads::thread_state::{self, Thread};
use pyrt_runtime::types::builtin_types::{StaticType, shapes};
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{method as bound_method, string, tuple};

use crate::native_type::{followed, object, references};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Limit {
    NoCache,
    Unbounded,
    Bounded(usize),
}

#[repr(C)]
struct LruCache {
    header: Header,
    function: Owned,
    info_type: Owned,
    typed: bool,
    limit: Limit,
    cache: Owned,
    hits: AtomicI64,
    misses: AtomicI64,
    order: Guarded<Order>,
    /// `__dict__`.
    attributes: Slot,
}

references!(LruCache: function, info_type, cache, order, attributes);

/// An entry of a bounded cache.
#[repr(C)]
struct Link {
    header: Header,
    key: Owned,
    hash: i64,
    result: Owned,
    /// Where it stands in the order's array.
    place: AtomicUsize,
}

references!(Link: key, result);

fn link_of<'a>(value: Value) -> &'a Link {
    // SAFETY: called for what the cache of a bounded wrapper holds.
    unsafe { object(value) }
}

static LINK_SPEC: TypeSpec =
    TypeSpec { name: "functools._lru_list_elem", flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION, ..followed::<Link>() };
static LINK: StaticType = StaticType::new(&LINK_SPEC);

const NOWHERE: usize = usize::MAX;

struct Node {
    link: Option<Owned>,
    older: usize,
    younger: usize,
}

struct Order {
    nodes: Vec<Node>,
    free: Vec<usize>,
    oldest: usize,
    youngest: usize,
}

impl crate::native_type::References for Order {
    fn visit(&self, visit: &mut dyn FnMut(Value)) {
        for node in &self.nodes {
            node.link.visit(visit);
        }
    }
}

impl Order {
    fn new() -> Order {
        Order { nodes: Vec::new(), free: Vec::new(), oldest: NOWHERE, youngest: NOWHERE }
    }

    fn len(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    /// Joins the neighbours of a node that leaves its place.
    fn unlink(&mut self, at: usize) {
        let (older, younger) = (self.nodes[at].older, self.nodes[at].younger);
        match self.nodes.get_mut(older) {
            Some(node) => node.younger = younger,
            None => self.oldest = younger,
        }
        match self.nodes.get_mut(younger) {
            Some(node) => node.older = older,
            None => self.youngest = older,
        }
    }

    fn link_youngest(&mut self, at: usize) {
        self.nodes[at].older = self.youngest;
        self.nodes[at].younger = NOWHERE;
        match self.nodes.get_mut(self.youngest) {
            Some(node) => node.younger = at,
            None => self.oldest = at,
        }
        self.youngest = at;
    }

    fn push(&mut self, link: Owned) {
        let place = &link_of(*link).place;
        let at = match self.free.pop() {
            Some(at) => at,
            None => {
                self.nodes.push(Node { link: None, older: NOWHERE, younger: NOWHERE });
                self.nodes.len() - 1
            }
        };
        place.store(at, Ordering::Relaxed);
        self.nodes[at].link = Some(link);
        self.link_youngest(at);
    }

    /// A hit: the link becomes the youngest, if it is still in the order.
    fn touch(&mut self, link: Value) {
        let at = link_of(link).place.load(Ordering::Relaxed);
        let is_here = self.nodes.get(at).and_then(|node| node.link.as_ref()).is_some_and(|own| own.is(link));
        if is_here && self.youngest != at {
            self.unlink(at);
            self.link_youngest(at);
        }
    }

    /// Takes the oldest link out.
    fn pop_oldest(&mut self) -> Option<Owned> {
        let at = self.oldest;
        let link = self.nodes.get_mut(at)?.link.take()?;
        self.unlink(at);
        self.free.push(at);
        Some(link)
    }
}

fn of<'a>(value: Value) -> &'a LruCache {
    // SAFETY: called for `_lru_cache_wrapper` objects only.
    unsafe { object(value) }
}

/// Adds one: by a plain store where no other thread runs.
fn count(counter: &AtomicI64) {
    if FREE_THREADED && thread_state::has_other_threads() {
        counter.fetch_add(1, Ordering::Relaxed);
    } else {
        counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

static SIGNATURE: LazySignature = LazySignature::new("(user_function, maxsize, typed, cache_info_type)");

fn wrapper_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let bound = SIGNATURE.bind("lru_cache", args, kwnames, thread)?;
    let args = bound.args();
    let (function, maxsize) = (args.at(0), args.at(1));
    if !call::is_callable(function) {
        return Err(thread.raise_type_error("the first argument must be callable"));
    }
    let limit = if maxsize.is_none() {
        Limit::Unbounded
    } else if maxsize.type_object().slots.index.raw() != 0 {
        match convert::index_as_i64(maxsize, thread, Some(&exc::OVERFLOW_ERROR))? {
            n if n <= 0 => Limit::NoCache,
            n => Limit::Bounded(n as usize),
        }
    } else {
        return Err(thread.raise_type_error("maxsize should be integer or None"));
    };
    let typed = compare::truth(args.at(2), thread)?;
    let (function, info_type) = (function.to_owned(), args.at(3).to_owned());
    Ok(allocate_object(TypeObject::of(class), |header| LruCache {
        header,
        function,
        info_type,
        typed,
        limit,
        cache: dict::new(),
        hits: AtomicI64::new(0),
        misses: AtomicI64::new(0),
        order: Guarded::new(Order::new()),
        attributes: Slot::empty(),
    }))
}

/// The key of a call: the argument itself if it is a lone int or str, else a tuple.
fn key_of(args: Args<'_>, kwnames: KwNames, typed: bool) -> Owned {
    if !typed && kwnames.is_empty() && args.len() == 1 {
        let only = args.at(0);
        if string::is_exact(only) || only.is_small_int() || only.has_shape(shapes::INT) {
            return only.to_owned();
        }
    }
    let mut parts = Vec::with_capacity(args.len() * 2 + kwnames.len() * 3 + 1);
    parts.extend(args.iter().map(|arg| arg.to_owned()));
    if !kwnames.is_empty() {
        // Something that no caller can pass by accident separates positional from keyword arguments.
        parts.push(LINK.get().value().to_owned());
        for i in 0..kwnames.len() {
            parts.extend(kwnames.get(i).map(|name| name.to_owned()));
            parts.push(args.keyword(i).to_owned());
        }
    }
    if typed {
        parts.extend(args.iter().map(|arg| arg.type_object().value().to_owned()));
        parts.extend((0..kwnames.len()).map(|i| args.keyword(i).type_object().value().to_owned()));
    }
    tuple::from_vec(parts)
}

fn wrapper_call(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let wrapper = of(this);
    let limit = match wrapper.limit {
        Limit::NoCache => {
            count(&wrapper.misses);
            return call::call_args(*wrapper.function, args, kwnames, thread);
        }
        Limit::Unbounded => None,
        Limit::Bounded(limit) => Some(limit),
    };
    let key = key_of(args, kwnames, wrapper.typed);
    let hash = compare::hash(*key, thread)?;
    let cache = DictObject::of(*wrapper.cache);
    if let Some(found) = cache.get_hashed(*key, hash, thread)? {
        count(&wrapper.hits);
        if limit.is_none() {
            return Ok(found);
        }
        wrapper.order.with(&wrapper.header, |order| order.touch(*found));
        return Ok(link_of(*found).result.clone());
    }
    count(&wrapper.misses);
    let result = call::call_args(*wrapper.function, args, kwnames, thread)?;
    let Some(limit) = limit else {
        cache.set_hashed(*key, hash, result.clone(), thread)?;
        return Ok(result);
    };
    // The call may have cached the same key.
    if cache.get_hashed(*key, hash, thread)?.is_some() {
        return Ok(result);
    }
    while let Some(oldest) = wrapper.order.with(&wrapper.header, |order| if order.len() >= limit { order.pop_oldest() } else { None }) {
        let old = link_of(*oldest);
        if let Some(removed) = cache.remove_hashed(*old.key, old.hash, thread)? {
            drop(removed);
        }
        lifetime::release(oldest, thread);
    }
    let (link_key, link_result) = (key.clone(), result.clone());
    let link = allocate_object(LINK.get(), |header| Link { header, key: link_key, hash, result: link_result, place: AtomicUsize::new(NOWHERE) });
    cache.set_hashed(*key, hash, link.clone(), thread)?;
    wrapper.order.with(&wrapper.header, |order| order.push(link));
    Ok(result)
}

fn cache_info(this: Value, thread: &mut Thread) -> PyResult {
    let wrapper = of(this);
    let maxsize = match wrapper.limit {
        Limit::NoCache => Owned::int(0),
        Limit::Unbounded => Owned::none(),
        Limit::Bounded(limit) => Owned::usize(limit),
    };
    let hits = Owned::int(wrapper.hits.load(Ordering::Relaxed));
    let misses = Owned::int(wrapper.misses.load(Ordering::Relaxed));
    let size = Owned::usize(DictObject::of(*wrapper.cache).len());
    call::call(*wrapper.info_type, &[*hits, *misses, *maxsize, *size], thread)
}

fn cache_clear(this: Value, thread: &mut Thread) -> PyResult {
    let wrapper = of(this);
    wrapper.hits.store(0, Ordering::Relaxed);
    wrapper.misses.store(0, Ordering::Relaxed);
    let old = wrapper.order.with(&wrapper.header, |order| std::mem::replace(order, Order::new()));
    DictObject::of(*wrapper.cache).clear(thread);
    for node in old.nodes {
        if let Some(link) = node.link {
            lifetime::release(link, thread);
        }
    }
    Ok(Owned::none())
}

fn descr_get(this: Value, object: Option<Value>, _owner: Option<Value>, _thread: &mut Thread) -> PyResult {
    match object.filter(|object| !object.is_none()) {
        Some(object) => Ok(bound_method::new(this, object)),
        None => Ok(this.to_owned()),
    }
}

fn reduce(this: Value, thread: &mut Thread) -> PyResult {
    attribute::get(this, pyrt_runtime::names::names().__qualname__, thread)
}

fn copy(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

fn deepcopy(this: Value, _memo: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

unsafe fn clear(value: Value) {
    let wrapper = of(value);
    let old = wrapper.order.with(&wrapper.header, |order| std::mem::replace(order, Order::new()));
    drop(old);
    drop(wrapper.attributes.replace(&wrapper.header, None));
    // SAFETY: the cache is a dict.
    unsafe { dict::clear(*wrapper.cache) };
}

static SPEC: TypeSpec = TypeSpec {
    name: "functools._lru_cache_wrapper",
    doc: "Create a cached callable that wraps another function.\n\nuser_function:      the function being cached\n\nmaxsize:  0         for no caching\n          None      for unlimited cache size\n          n         for a bounded cache\n\ntyped:    False     cache f(3) and f(3.0) as identical calls\n          True      cache f(3) and f(3.0) as distinct calls\n\ncache_info_type:    namedtuple class with the fields:\n                        hits misses currsize maxsize\n",
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_WEAKREFABLE | TYPE_METHOD_DESCRIPTOR,
    dict_offset: Some(std::mem::offset_of!(LruCache, attributes)),
    slots: &[SlotFn::new(wrapper_new), SlotFn::call(wrapper_call), SlotFn::descr_get(descr_get)],
    methods: &[
        method("cache_info", NativeFn::NoArgs(cache_info), "($self, /)", "Report cache statistics"),
        method("cache_clear", NativeFn::NoArgs(cache_clear), "($self, /)", "Clear the cache and cache statistics"),
        method("__reduce__", NativeFn::NoArgs(reduce), "($self, /)", ""),
        method("__copy__", NativeFn::NoArgs(copy), "-($self, /)", ""),
        method("__deepcopy__", NativeFn::One(deepcopy), "-($self, memo, /)", ""),
    ],
    getsets: &[GetSetDef { name: "__dict__", get: attribute::get_dict_attribute, set: Some(crate::native_type::set_dict), doc: "" }],
    clear: Some(clear),
    ..followed::<LruCache>()
};

pub static LRU_CACHE: StaticType = StaticType::new(&SPEC);

//! The module `_queue`.
//!
//! # Waiting
//! A reader of an empty queue parks on the address of `len`, detached; who puts an item raises `len` first and then wakes
//! one reader. The parked thread looks at `len` once more under the parking lot's lock, so no wake-up is lost.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::Guarded;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::compare;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::sync::{AtomicUsize, Ordering};
use pyrt_runtime::threads::parking::{self, Parked};
use pyrt_runtime::threads::safepoint;
use pyrt_runtime::threads::thread_state::{REQUEST_SIGNALS, Thread};
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{generic_alias, module};

use crate::duration::{self, Rounding};
use crate::exception_class::ExceptionClass;
use crate::native_type::{References, dealloc, traverse};

pub const MODULE: NativeModule = NativeModule { name: "_queue", initialize };

static EMPTY: ExceptionClass = ExceptionClass::new("_queue", "Empty", &exc::EXCEPTION);

fn initialize(this: Value, thread: &mut Thread) -> PyResult<()> {
    let doc = "C implementation of the Python queue module.\nThis module is an implementation detail, please do not use it directly.";
    module::add(this, "__doc__", Owned::str(doc));
    module::add(this, "Empty", EMPTY.get(thread)?.to_owned());
    module::add_type(this, &SIMPLE_QUEUE);
    Ok(())
}

#[repr(C)]
struct SimpleQueue {
    header: Header,
    items: Guarded<VecDeque<Owned>>,
    /// The number of items, for readers without the lock.
    len: AtomicUsize,
}

impl References for SimpleQueue {
    fn visit(&self, visit: &mut dyn FnMut(Value)) {
        // SAFETY: the world is stopped.
        for item in unsafe { self.items.peek() } {
            visit(**item);
        }
    }
}

fn of<'a>(value: Value) -> &'a SimpleQueue {
    // SAFETY: called for `SimpleQueue` objects only.
    unsafe { value.as_ref() }
}

impl SimpleQueue {
    fn push(&self, item: Owned) {
        self.items.with(&self.header, |items| {
            items.push_back(item);
            // Release: pairs with the Acquire in `wait`.
            self.len.store(items.len(), Ordering::Release);
        });
        parking::unpark_one(self.address(), |_| ());
    }

    fn pop(&self) -> Option<Owned> {
        self.items.with(&self.header, |items| {
            let item = items.pop_front();
            self.len.store(items.len(), Ordering::Release);
            item
        })
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(&self.len) as usize
    }

    /// Waits until there may be an item.
    fn wait(&self, deadline: Option<Instant>, thread: &mut Thread) -> Parked {
        let is_empty = || self.len.load(Ordering::Acquire) == 0;
        let (is_main, shared) = (thread.is_main, thread.shared);
        thread.detached(|| {
            if is_main {
                let has_signal = || shared.requests.load(Ordering::SeqCst) & REQUEST_SIGNALS != 0;
                parking::park_main(self.address(), deadline, has_signal, is_empty)
            } else {
                parking::park_until(self.address(), deadline, is_empty)
            }
        })
    }
}

fn new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let own = std::ptr::eq(TypeObject::of(class), SIMPLE_QUEUE.get());
    if own && !kwnames.is_empty() {
        return Err(thread.raise_type_error("SimpleQueue() takes no keyword arguments"));
    }
    if own && !args.is_empty() {
        return Err(thread.raise_type_error("SimpleQueue() takes no positional arguments"));
    }
    Ok(allocate_object(TypeObject::of(class), |header| SimpleQueue { header, items: Guarded::new(VecDeque::new()), len: AtomicUsize::new(0) }))
}

fn put(this: Value, args: Args<'_>, _thread: &mut Thread) -> PyResult {
    of(this).push(args.at(0).to_owned());
    Ok(Owned::none())
}

fn empty_error(thread: &mut Thread) -> pyrt_runtime::object::value::Raised {
    match EMPTY.get(thread).and_then(|class| pyrt_runtime::protocol::call::call(class, &[], thread)) {
        Ok(exception) => thread.raise_exception(exception),
        Err(raised) => raised,
    }
}

fn get_now(this: Value, thread: &mut Thread) -> PyResult {
    of(this).pop().ok_or(()).or_else(|()| Err(empty_error(thread)))
}

fn get(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let blocks = args.get(0).map_or(Ok(true), |block| compare::truth(block, thread))?;
    if !blocks {
        return get_now(this, thread);
    }
    let deadline = match args.get(1).filter(|timeout| !timeout.is_none()) {
        None => None,
        Some(timeout) => {
            let nanoseconds = duration::nanoseconds(timeout, Rounding::Up, thread)?;
            if nanoseconds < 0 {
                return Err(thread.raise_value_error("'timeout' must be a non-negative number"));
            }
            Instant::now().checked_add(Duration::from_nanos(nanoseconds as u64))
        }
    };
    loop {
        if let Some(item) = of(this).pop() {
            return Ok(item);
        }
        match of(this).wait(deadline, thread) {
            Parked::Woken | Parked::Invalid => {}
            Parked::TimedOut => {
                safepoint::poll(thread)?;
                return get_now(this, thread);
            }
            Parked::Interrupted => safepoint::poll(thread)?,
        }
    }
}

fn empty(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(of(this).len.load(Ordering::Acquire) == 0))
}

fn qsize(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(of(this).len.load(Ordering::Acquire)))
}

unsafe fn clear(value: Value) {
    let queue = of(value);
    let old = queue.items.with(&queue.header, |items| {
        queue.len.store(0, Ordering::Release);
        std::mem::take(items)
    });
    drop(old);
}

static SPEC: TypeSpec = TypeSpec {
    name: "_queue.SimpleQueue",
    doc: "SimpleQueue()\n--\n\nSimple, unbounded, reentrant FIFO queue.",
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_WEAKREFABLE,
    basic_size: size_of::<SimpleQueue>(),
    slots: &[SlotFn::new(new)],
    methods: &[
        method("empty", NativeFn::NoArgs(empty), "($self, /)", "Return True if the queue is empty, False otherwise (not reliable!)."),
        method("get", NativeFn::Bound(get), "($self, /, block=True, timeout=None)", "Remove and return an item from the queue.\n\nWaits for one as long as timeout says, for ever if it is None; raises Empty at the end, or at once if block is false."),
        method("get_nowait", NativeFn::NoArgs(get_now), "($self, /)", "Remove and return an item from the queue without blocking.\n\nOnly get an item if one is immediately available. Otherwise\nraise the Empty exception."),
        method("put", NativeFn::Bound(put), "($self, /, item, block=True, timeout=None)", "Put the item on the queue.\n\nThis method never blocks; block and timeout are there for likeness with Queue.put()."),
        method("put_nowait", NativeFn::Bound(put), "($self, /, item)", "Put an item into the queue without blocking.\n\nThis is exactly equivalent to put(item)."),
        method("qsize", NativeFn::NoArgs(qsize), "($self, /)", "Return the approximate size of the queue (not reliable!)."),
        MethodDef { name: "__class_getitem__", func: NativeFn::One(generic_alias::new), kind: MethodKind::Class, signature: "($type, object, /)", doc: "See PEP 585" },
    ],
    dealloc: Some(dealloc::<SimpleQueue>),
    traverse: Some(traverse::<SimpleQueue>),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
};

static SIMPLE_QUEUE: StaticType = StaticType::new(&SPEC);

//! The module `itertools`.
//!
//! Iterators that threads share never crash and never give an element twice: what changes lies in a `Guarded` state.
mod combinatorics;
mod combining;
mod counting;
mod grouping;
mod selecting;
mod tee;

use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::module;

pub const MODULE: NativeModule = NativeModule { name: "itertools", initialize };

const DOC: &str = "Functional tools for creating and using iterators.

Infinite iterators:
count(start=0, step=1) --> start, start+step, start+2*step, ...
cycle(p) --> p0, p1, ... plast, p0, p1, ...
repeat(elem [,n]) --> elem, elem, elem, ... endlessly or up to n times

Iterators terminating on the shortest input sequence:
accumulate(p[, func]) --> p0, p0+p1, p0+p1+p2
batched(p, n) --> [p0, p1, ..., p_n-1], [p_n, p_n+1, ..., p_2n-1], ...
chain(p, q, ...) --> p0, p1, ... plast, q0, q1, ...
chain.from_iterable([p, q, ...]) --> p0, p1, ... plast, q0, q1, ...
compress(data, selectors) --> (d[0] if s[0]), (d[1] if s[1]), ...
dropwhile(predicate, seq) --> seq[n], seq[n+1], starting when predicate fails
groupby(iterable[, keyfunc]) --> sub-iterators grouped by value of keyfunc(v)
filterfalse(predicate, seq) --> elements of seq where predicate(elem) is False
islice(seq, [start,] stop [, step]) --> elements from seq[start:stop:step]
pairwise(s) --> (s[0],s[1]), (s[1],s[2]), (s[2], s[3]), ...
starmap(fun, seq) --> fun(*seq[0]), fun(*seq[1]), ...
tee(it, n=2) --> (it1, it2 , ... itn) splits one iterator into n
takewhile(predicate, seq) --> seq[0], seq[1], until predicate fails
zip_longest(p, q, ...) --> (p[0], q[0]), (p[1], q[1]), ...

Combinatoric generators:
product(p, q, ... [repeat=1]) --> cartesian product
permutations(p[, r])
combinations(p, r)
combinations_with_replacement(p, r)
";

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str(DOC));
    for ty in [
        &combining::ACCUMULATE,
        &combining::BATCHED,
        &combining::CHAIN,
        &combining::PAIRWISE,
        &combining::STARMAP,
        &combining::ZIP_LONGEST,
        &combinatorics::COMBINATIONS,
        &combinatorics::COMBINATIONS_WITH_REPLACEMENT,
        &combinatorics::PERMUTATIONS,
        &combinatorics::PRODUCT,
        &counting::COUNT,
        &counting::CYCLE,
        &counting::REPEAT,
        &selecting::COMPRESS,
        &selecting::DROPWHILE,
        &selecting::FILTERFALSE,
        &selecting::ISLICE,
        &selecting::TAKEWHILE,
        &grouping::GROUPBY,
        &grouping::GROUPER,
        &tee::TEE,
        &tee::TEE_DATAOBJECT,
    ] {
        module::add_type(this, ty);
    }
    module::add_functions(this, tee::FUNCTIONS);
    Ok(())
}

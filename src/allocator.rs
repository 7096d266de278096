//! Where Rust's vectors and boxes lie. Objects and the items of containers have a heap of their own (runtime/src/memory).

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_arena_eager_commit`: without it the allocator's first gigabyte of addresses is not offered to the kernel for
/// huge pages, which would make a program of eleven megabytes one of twenty.
const ARENA_EAGER_COMMIT: libmimalloc_sys::mi_option_t = 4;

/// Runs before `main`: Rust's start-up allocates, and the first allocation settles it. `MIMALLOC_ARENA_EAGER_COMMIT` in the
/// environment goes before.
extern "C" fn configure() {
    // SAFETY: sets a number in the allocator's own table.
    unsafe { libmimalloc_sys::mi_option_set_default(ARENA_EAGER_COMMIT, 0) };
}

/// The C runtime calls what stands in this section before `main`.
#[used]
#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
static CONFIGURE: extern "C" fn() = configure;

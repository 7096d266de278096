//! Where Rust's vectors and boxes lie. Objects have a heap of their own (runtime/src/memory).

use std::alloc::{GlobalAlloc, Layout};

use libmimalloc_sys as mi;

/// mimalloc, asked without an alignment wherever every block has it anyway.
struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// Whether each block of such a size is aligned enough: blocks of 16 bytes and more to 16, smaller ones to 8 (mimalloc's
/// `MI_MAX_ALIGN_SIZE`, as C asks of `malloc`).
#[inline(always)]
fn is_plain(layout: Layout) -> bool {
    layout.align() <= 8 || (layout.align() <= 16 && layout.size() >= 16)
}

// SAFETY: mimalloc gives blocks of at least the size and alignment asked for, and takes back what it has given.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's layout.
        unsafe { if is_plain(layout) { mi::mi_malloc(layout.size()) } else { mi::mi_malloc_aligned(layout.size(), layout.align()) }.cast() }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { if is_plain(layout) { mi::mi_zalloc(layout.size()) } else { mi::mi_zalloc_aligned(layout.size(), layout.align()) }.cast() }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, _layout: Layout) {
        // SAFETY: the caller's block is one of ours.
        unsafe { mi::mi_free(block.cast()) };
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above; a block that needs no alignment now and then may need it for its new size.
        unsafe {
            if layout.align() <= 8 || (layout.align() <= 16 && new_size >= 16) {
                mi::mi_realloc(block.cast(), new_size)
            } else {
                mi::mi_realloc_aligned(block.cast(), new_size, layout.align())
            }
            .cast()
        }
    }
}

/// `mi_option_arena_eager_commit`: without it the allocator's first gigabyte of addresses is not offered to the kernel for
/// huge pages, which would make a program of eleven megabytes one of twenty.
const ARENA_EAGER_COMMIT: mi::mi_option_t = 4;

/// `mi_option_arena_reserve`, in KiB: the addresses that the allocator reserves at a time. Its default is a gigabyte, for whose
/// bookkeeping it touches 200 KiB at once.
const ARENA_RESERVE: mi::mi_option_t = 23;
const RESERVED_KIB: std::ffi::c_long = 128 << 10;

/// Runs before `main`: Rust's start-up allocates, and the first allocation settles it. `MIMALLOC_ARENA_EAGER_COMMIT` in the
/// environment goes before.
extern "C" fn configure() {
    // SAFETY: sets numbers in the allocator's own table.
    unsafe {
        mi::mi_option_set_default(ARENA_EAGER_COMMIT, 0);
        mi::mi_option_set_default(ARENA_RESERVE, RESERVED_KIB);
    }
}

/// The C runtime calls what stands in this section before `main`.
#[used]
#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
static CONFIGURE: extern "C" fn() = configure;

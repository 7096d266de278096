//! Writing tracebacks without memory of one's own: what signal handlers may do.
//!
//! The frames of the calling thread can be read at any time. Those of other threads are read while these may run: in
//! `pyrt` they wait for the GIL, so their frames stay; in `pyrt-t` only a process that is about to die does so, or one
//! that has stopped the world.

use pyrt_runtime::interp::frame::Frame;
use pyrt_runtime::sync::Ordering;
use pyrt_runtime::threads::thread_state::{self, ThreadShared};
use pyrt_runtime::types::string::StrObject;
use pyrt_runtime::{Thread, Value};

/// Frames that are shown of a thread.
const MOST_FRAMES: usize = 100;
/// Threads that are shown.
const MOST_THREADS: usize = 100;
/// Characters that are shown of a text.
const MOST_CHARS: usize = 500;

/// Writes to a descriptor; what fails fails.
pub struct Output(pub i32);

impl Output {
    pub fn text(&self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn bytes(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            // SAFETY: as many bytes as said.
            let n = unsafe { libc::write(self.0, bytes.as_ptr().cast(), bytes.len()) };
            if n < 0 && crate::system_call::last_errno() == libc::EINTR {
                continue;
            }
            if n <= 0 {
                return;
            }
            bytes = bytes.get(n as usize..).unwrap_or(&[]);
        }
    }

    fn digits(&self, mut number: u64, base: u64, width: usize) {
        let mut digits = [b'0'; 24];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b"0123456789abcdef"[(number % base) as usize];
            number /= base;
            if number == 0 {
                break;
            }
        }
        let from = at.min(digits.len() - width.min(digits.len()));
        self.bytes(&digits[from..]);
    }

    /// A str as ASCII with escapes.
    fn string(&self, value: Value) {
        if !pyrt_runtime::types::string::is_str(value) {
            return self.text("???");
        }
        let chars = StrObject::of(value).chars();
        let mut run = [0u8; 64];
        let mut n = 0;
        for i in 0..chars.len().min(MOST_CHARS) {
            let ch = chars.get(i);
            if n == run.len() || !(0x20..0x7F).contains(&ch) {
                self.bytes(&run[..n]);
                n = 0;
            }
            if (0x20..0x7F).contains(&ch) {
                run[n] = ch as u8;
                n += 1;
            } else {
                let (prefix, width) = match ch {
                    0..0x100 => ("\\x", 2),
                    0x100..0x10000 => ("\\u", 4),
                    _ => ("\\U", 8),
                };
                self.text(prefix);
                self.digits(u64::from(ch), 16, width);
            }
        }
        self.bytes(&run[..n]);
        if chars.len() > MOST_CHARS {
            self.text("...");
        }
    }
}

/// The frames of a thread, innermost first.
fn frames(out: &Output, thread: *mut Thread) {
    // SAFETY: see the head of the module.
    let mut frame: *mut Frame = if thread.is_null() { std::ptr::null_mut() } else { unsafe { (*thread).frame } };
    if frame.is_null() {
        return out.text("  <no Python frame>\n");
    }
    let mut n = 0;
    while !frame.is_null() {
        if n == MOST_FRAMES {
            return out.text("  ...\n");
        }
        // SAFETY: as above.
        let current = unsafe { &*frame };
        if !current.is_incomplete() {
            let code = current.code();
            out.text("  File \"");
            match code.filename.peek() {
                Some(filename) => out.string(filename),
                None => out.text("???"),
            }
            out.text("\", line ");
            match current.line() {
                Some(line) => out.digits(line.max(0) as u64, 10, 1),
                None => out.text("???"),
            }
            out.text(" in ");
            out.string(*code.name);
            out.text("\n");
            n += 1;
        }
        frame = current.previous;
    }
}

/// `Thread 0x… [name] (most recent call first):`.
fn heading(out: &Output, shared: &ThreadShared, is_current: bool) {
    let ident = shared.ident.load(Ordering::Relaxed);
    out.text(if is_current { "Current thread 0x" } else { "Thread 0x" });
    out.digits(ident, 16, 16);
    let mut name = [0u8; 32];
    // SAFETY: room as said; the ident is a living thread's.
    let found = unsafe { libc::pthread_getname_np(ident as libc::pthread_t, name.as_mut_ptr().cast(), name.len()) } == 0;
    let len = name.iter().position(|byte| *byte == 0).unwrap_or(0);
    if found && len > 0 {
        out.text(" [");
        out.bytes(&name[..len]);
        out.text("]");
    }
    out.text(" (most recent call first):\n");
}

/// The calling thread's traceback under the heading `Stack`.
pub fn own_stack(out: &Output, thread: *mut Thread) {
    out.text("Stack (most recent call first):\n");
    frames(out, thread);
}

/// The calling thread's traceback as that of the current thread.
pub fn current_thread(out: &Output, thread: *mut Thread) {
    if thread.is_null() {
        return;
    }
    // SAFETY: the calling thread's own state.
    heading(out, unsafe { (*thread).shared }, true);
    frames(out, thread);
}

/// All threads' tracebacks; `current` is marked.
pub fn all_threads(out: &Output, current: *mut Thread) {
    all_threads_but(std::ptr::null_mut(), out, current);
}

/// As [`all_threads`], without one that is there for this alone.
pub fn all_threads_but(hidden: *mut Thread, out: &Output, current: *mut Thread) {
    let mut n = 0;
    let is_whole = thread_state::try_for_each_thread(|shared| {
        let thread = shared.thread.load(Ordering::Acquire);
        if !hidden.is_null() && std::ptr::eq(thread, hidden) {
            return;
        }
        if n > 0 {
            out.text("\n");
        }
        n += 1;
        if n == MOST_THREADS {
            out.text("...\n");
        }
        if n < MOST_THREADS {
            heading(out, shared, !thread.is_null() && std::ptr::eq(thread, current));
            frames(out, thread);
        }
    });
    if !is_whole {
        current_thread(out, current);
    }
}

unsafe extern "C" {
    fn backtrace(to: *mut *mut libc::c_void, room: libc::c_int) -> libc::c_int;
}

/// The native stack.
pub fn native_stack(out: &Output) {
    out.text("Current thread's C stack trace (most recent call first):\n");
    let mut addresses = [std::ptr::null_mut(); 32];
    // SAFETY: room as said.
    let n = unsafe { backtrace(addresses.as_mut_ptr(), addresses.len() as i32) }.max(0) as usize;
    for address in addresses.iter().take(n) {
        // SAFETY: all-zero is a valid result, which the call fills.
        let mut info: libc::Dl_info = unsafe { std::mem::zeroed() };
        // SAFETY: any address may be asked about.
        let found = unsafe { libc::dladdr(address.cast_const(), &raw mut info) } != 0 && !info.dli_fname.is_null();
        if found {
            out.text("  Binary file \"");
            // SAFETY: a terminated text, here and below.
            out.bytes(unsafe { std::ffi::CStr::from_ptr(info.dli_fname) }.to_bytes());
            out.text("\"");
            if !info.dli_sname.is_null() {
                out.text(", at ");
                // SAFETY: as above.
                out.bytes(unsafe { std::ffi::CStr::from_ptr(info.dli_sname) }.to_bytes());
                out.text("+0x");
                out.digits((*address as u64).wrapping_sub(info.dli_saddr as u64), 16, 1);
            }
            out.text(" [0x");
        } else {
            out.text("  <unknown> [0x");
        }
        out.digits(*address as u64, 16, 1);
        out.text("]\n");
    }
}

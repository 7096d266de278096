//! How the binaries are linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        // At a fixed address: tables of pointers need no relocation when a process starts, which would make half a megabyte
        // of pages each process's own and read as much again.
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}

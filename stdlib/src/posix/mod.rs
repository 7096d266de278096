//! `posix`: the operating system's functions, as `os` wraps them.

pub mod constants;
mod descriptors;
mod directory;
mod files;
pub mod path;
pub mod process;
mod status;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::struct_sequence::add_to_module;
use pyrt_runtime::types::type_object::MethodDef;
use pyrt_runtime::types::{list, module};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use crate::system_call::functions;

pub const MODULE: NativeModule = NativeModule { name: "posix", initialize };

static FUNCTIONS: &[MethodDef] = functions! {
    "open" Bound(descriptors::open) "($module, /, path, flags, mode=511, *, dir_fd=None)" "As the system call or library function open.";
    "close" Bound(descriptors::close) "($module, /, fd)" "As the system call or library function close.";
    "closerange" Bound(descriptors::closerange) "($module, fd_low, fd_high, /)" "As the system call or library function closerange.";
    "read" Bound(descriptors::read) "($module, fd, length, /)" "As the system call or library function read.";
    "readinto" Bound(descriptors::readinto) "($module, fd, buffer, /)" "As the system call or library function readinto.";
    "write" Bound(descriptors::write) "($module, fd, data, /)" "As the system call or library function write.";
    "pread" Bound(descriptors::pread) "($module, fd, length, offset, /)" "As the system call or library function pread.";
    "pwrite" Bound(descriptors::pwrite) "($module, fd, buffer, offset, /)" "As the system call or library function pwrite.";
    "readv" Bound(descriptors::readv) "($module, fd, buffers, /)" "As the system call or library function readv.";
    "writev" Bound(descriptors::writev) "($module, fd, buffers, /)" "As the system call or library function writev.";
    "preadv" Bound(descriptors::preadv) "($module, fd, buffers, offset, flags=0, /)" "As the system call or library function preadv.";
    "pwritev" Bound(descriptors::pwritev) "($module, fd, buffers, offset, flags=0, /)" "As the system call or library function pwritev.";
    "lseek" Bound(descriptors::lseek) "($module, fd, position, whence, /)" "As the system call or library function lseek.";
    "dup" Bound(descriptors::dup) "($module, fd, /)" "As the system call or library function dup.";
    "dup2" Bound(descriptors::dup2) "($module, /, fd, fd2, inheritable=True)" "As the system call or library function dup2.";
    "pipe" NoArgs(descriptors::pipe) "($module, /)" "As the system call or library function pipe.";
    "pipe2" Bound(descriptors::pipe2) "($module, flags, /)" "As the system call or library function pipe2.";
    "isatty" Bound(descriptors::isatty) "($module, fd, /)" "As the system call or library function isatty.";
    "fsync" Bound(descriptors::fsync) "($module, /, fd)" "As the system call or library function fsync.";
    "fdatasync" Bound(descriptors::fdatasync) "($module, /, fd)" "As the system call or library function fdatasync.";
    "ftruncate" Bound(descriptors::ftruncate) "($module, fd, length, /)" "As the system call or library function ftruncate.";
    "fchdir" Bound(descriptors::fchdir) "($module, /, fd)" "As the system call or library function fchdir.";
    "fchmod" Bound(descriptors::fchmod) "($module, /, fd, mode)" "As the system call or library function fchmod.";
    "lockf" Bound(descriptors::lockf) "($module, fd, command, length, /)" "As the system call or library function lockf.";
    "posix_fallocate" Bound(descriptors::posix_fallocate) "($module, fd, offset, length, /)" "As the system call or library function posix_fallocate.";
    "posix_fadvise" Bound(descriptors::posix_fadvise) "($module, fd, offset, length, advice, /)" "As the system call or library function posix_fadvise.";
    "get_inheritable" Bound(descriptors::get_inheritable) "($module, fd, /)" "As the system call or library function get_inheritable.";
    "set_inheritable" Bound(descriptors::set_inheritable) "($module, fd, inheritable, /)" "As the system call or library function set_inheritable.";
    "get_blocking" Bound(descriptors::get_blocking) "($module, fd, /)" "As the system call or library function get_blocking.";
    "set_blocking" Bound(descriptors::set_blocking) "($module, fd, blocking, /)" "As the system call or library function set_blocking.";
    "get_terminal_size" Bound(descriptors::get_terminal_size) "($module, fd=<unrepresentable>, /)" "As the system call or library function get_terminal_size.";
    "device_encoding" Bound(descriptors::device_encoding) "($module, /, fd)" "As the system call or library function device_encoding.";
    "sendfile" Bound(descriptors::sendfile) "($module, /, out_fd, in_fd, offset, count)" "As the system call or library function sendfile.";
    "copy_file_range" Bound(descriptors::copy_file_range) "($module, /, src, dst, count, offset_src=None, offset_dst=None)" "As the system call or library function copy_file_range.";
    "splice" Bound(descriptors::splice) "($module, /, src, dst, count, offset_src=None, offset_dst=None, flags=0)" "As the system call or library function splice.";
    "eventfd" Bound(descriptors::eventfd) "($module, /, initval, flags=EFD_CLOEXEC)" "As the system call or library function eventfd.";
    "eventfd_read" Bound(descriptors::eventfd_read) "($module, /, fd)" "As the system call or library function eventfd_read.";
    "eventfd_write" Bound(descriptors::eventfd_write) "($module, /, fd, value)" "As the system call or library function eventfd_write.";
    "memfd_create" Bound(descriptors::memfd_create) "($module, /, name, flags=MFD_CLOEXEC)" "As the system call or library function memfd_create.";
    "chdir" Bound(files::chdir) "($module, /, path)" "As the system call or library function chdir.";
    "chroot" Bound(files::chroot) "($module, /, path)" "As the system call or library function chroot.";
    "getcwd" NoArgs(files::getcwd) "($module, /)" "As the system call or library function getcwd.";
    "getcwdb" NoArgs(files::getcwdb) "($module, /)" "As the system call or library function getcwdb.";
    "mkdir" Bound(files::mkdir) "($module, /, path, mode=511, *, dir_fd=None)" "As the system call or library function mkdir.";
    "mkfifo" Bound(files::mkfifo) "($module, /, path, mode=438, *, dir_fd=None)" "As the system call or library function mkfifo.";
    "mknod" Bound(files::mknod) "($module, /, path, mode=384, device=0, *, dir_fd=None)" "As the system call or library function mknod.";
    "major" Bound(files::major) "($module, device, /)" "As the system call or library function major.";
    "minor" Bound(files::minor) "($module, device, /)" "As the system call or library function minor.";
    "makedev" Bound(files::makedev) "($module, major, minor, /)" "As the system call or library function makedev.";
    "rmdir" Bound(files::rmdir) "($module, /, path, *, dir_fd=None)" "As the system call or library function rmdir.";
    "unlink" Bound(files::unlink) "($module, /, path, *, dir_fd=None)" "As the system call or library function unlink.";
    "remove" Bound(files::remove) "($module, /, path, *, dir_fd=None)" "As the system call or library function remove.";
    "rename" Bound(files::rename) "($module, /, src, dst, *, src_dir_fd=None, dst_dir_fd=None)" "As the system call or library function rename.";
    "replace" Bound(files::replace) "($module, /, src, dst, *, src_dir_fd=None, dst_dir_fd=None)" "As the system call or library function replace.";
    "link" Bound(files::link) "($module, /, src, dst, *, src_dir_fd=None, dst_dir_fd=None, follow_symlinks=(os.name != 'nt'))" "As the system call or library function link.";
    "symlink" Bound(files::symlink) "($module, /, src, dst, target_is_directory=False, *, dir_fd=None)" "As the system call or library function symlink.";
    "readlink" Bound(files::readlink) "($module, /, path, *, dir_fd=None)" "As the system call or library function readlink.";
    "access" Bound(files::access) "($module, /, path, mode, *, dir_fd=None, effective_ids=False, follow_symlinks=True)" "As the system call or library function access.";
    "chmod" Bound(files::chmod) "($module, /, path, mode, *, dir_fd=None, follow_symlinks=(os.name != 'nt'))" "As the system call or library function chmod.";
    "chown" Bound(files::chown) "($module, /, path, uid, gid, *, dir_fd=None, follow_symlinks=True)" "As the system call or library function chown.";
    "fchown" Bound(files::fchown) "($module, /, fd, uid, gid)" "As the system call or library function fchown.";
    "lchown" Bound(files::lchown) "($module, /, path, uid, gid)" "As the system call or library function lchown.";
    "truncate" Bound(files::truncate) "($module, /, path, length)" "As the system call or library function truncate.";
    "utime" Bound(files::utime) "($module, /, path, times=None, *, ns=<unrepresentable>, dir_fd=None, follow_symlinks=True)" "As the system call or library function utime.";
    "getxattr" Bound(files::getxattr) "($module, /, path, attribute, *, follow_symlinks=True)" "As the system call or library function getxattr.";
    "setxattr" Bound(files::setxattr) "($module, /, path, attribute, value, flags=0, *, follow_symlinks=True)" "As the system call or library function setxattr.";
    "removexattr" Bound(files::removexattr) "($module, /, path, attribute, *, follow_symlinks=True)" "As the system call or library function removexattr.";
    "listxattr" Bound(files::listxattr) "($module, /, path=None, *, follow_symlinks=True)" "As the system call or library function listxattr.";
    "listdir" Bound(directory::listdir) "($module, /, path=None)" "As the system call or library function listdir.";
    "scandir" Bound(directory::scandir) "($module, /, path=None)" "As the system call or library function scandir.";
    "stat" Bound(status::stat) "($module, /, path, *, dir_fd=None, follow_symlinks=True)" "As the system call or library function stat.";
    "lstat" Bound(status::lstat) "($module, /, path, *, dir_fd=None)" "As the system call or library function lstat.";
    "fstat" Bound(status::fstat) "($module, /, fd)" "As the system call or library function fstat.";
    "statvfs" Bound(status::statvfs) "($module, /, path)" "As the system call or library function statvfs.";
    "fstatvfs" Bound(status::fstatvfs) "($module, fd, /)" "As the system call or library function fstatvfs.";
    "_path_normpath" Bound(path::normpath) "($module, /, path)" "As the system call or library function _path_normpath.";
    "_path_splitroot_ex" Bound(path::splitroot) "($module, /, p)" "As the system call or library function _path_splitroot_ex.";
    "_create_environ" NoArgs(process::create_environ) "($module, /)" "As the system call or library function _create_environ.";
    "putenv" Bound(process::putenv) "($module, name, value, /)" "As the system call or library function putenv.";
    "unsetenv" Bound(process::unsetenv) "($module, name, /)" "As the system call or library function unsetenv.";
    "_exit" Bound(process::exit_now) "($module, /, status)" "As the system call or library function _exit.";
    "abort" NoArgs(process::abort) "($module, /)" "As the system call or library function abort.";
    "getpid" NoArgs(process::getpid) "($module, /)" "As the system call or library function getpid.";
    "getppid" NoArgs(process::getppid) "($module, /)" "As the system call or library function getppid.";
    "getuid" NoArgs(process::getuid) "($module, /)" "As the system call or library function getuid.";
    "geteuid" NoArgs(process::geteuid) "($module, /)" "As the system call or library function geteuid.";
    "getgid" NoArgs(process::getgid) "($module, /)" "As the system call or library function getgid.";
    "getegid" NoArgs(process::getegid) "($module, /)" "As the system call or library function getegid.";
    "getpgrp" NoArgs(process::getpgrp) "($module, /)" "As the system call or library function getpgrp.";
    "setuid" Bound(process::setuid) "($module, uid, /)" "As the system call or library function setuid.";
    "seteuid" Bound(process::seteuid) "($module, euid, /)" "As the system call or library function seteuid.";
    "setgid" Bound(process::setgid) "($module, gid, /)" "As the system call or library function setgid.";
    "setegid" Bound(process::setegid) "($module, egid, /)" "As the system call or library function setegid.";
    "setreuid" Bound(process::setreuid) "($module, ruid, euid, /)" "As the system call or library function setreuid.";
    "setregid" Bound(process::setregid) "($module, rgid, egid, /)" "As the system call or library function setregid.";
    "setresuid" Bound(process::setresuid) "($module, ruid, euid, suid, /)" "As the system call or library function setresuid.";
    "setresgid" Bound(process::setresgid) "($module, rgid, egid, sgid, /)" "As the system call or library function setresgid.";
    "kill" Bound(process::kill) "($module, pid, signal, /)" "As the system call or library function kill.";
    "killpg" Bound(process::killpg) "($module, pgid, signal, /)" "As the system call or library function killpg.";
    "getpgid" Bound(process::getpgid) "($module, /, pid)" "As the system call or library function getpgid.";
    "setpgid" Bound(process::setpgid) "($module, pid, pgrp, /)" "As the system call or library function setpgid.";
    "getsid" Bound(process::getsid) "($module, pid, /)" "As the system call or library function getsid.";
    "tcgetpgrp" Bound(process::tcgetpgrp) "($module, fd, /)" "As the system call or library function tcgetpgrp.";
    "tcsetpgrp" Bound(process::tcsetpgrp) "($module, fd, pgid, /)" "As the system call or library function tcsetpgrp.";
    "sched_get_priority_max" Bound(process::sched_get_priority_max) "($module, /, policy)" "As the system call or library function sched_get_priority_max.";
    "sched_get_priority_min" Bound(process::sched_get_priority_min) "($module, /, policy)" "As the system call or library function sched_get_priority_min.";
    "sched_getscheduler" Bound(process::sched_getscheduler) "($module, pid, /)" "As the system call or library function sched_getscheduler.";
    "setpriority" Bound(process::setpriority) "($module, /, which, who, priority)" "As the system call or library function setpriority.";
    "getpriority" Bound(process::getpriority) "($module, /, which, who)" "As the system call or library function getpriority.";
    "nice" Bound(process::nice) "($module, increment, /)" "As the system call or library function nice.";
    "setsid" NoArgs(process::setsid) "($module, /)" "As the system call or library function setsid.";
    "setpgrp" NoArgs(process::setpgrp) "($module, /)" "As the system call or library function setpgrp.";
    "getgroups" NoArgs(process::getgroups) "($module, /)" "As the system call or library function getgroups.";
    "umask" Bound(process::umask) "($module, mask, /)" "As the system call or library function umask.";
    "uname" NoArgs(process::uname) "($module, /)" "As the system call or library function uname.";
    "times" NoArgs(process::times) "($module, /)" "As the system call or library function times.";
    "sysconf" Bound(process::sysconf) "($module, name, /)" "As the system call or library function sysconf.";
    "cpu_count" NoArgs(process::cpu_count) "($module, /)" "As the system call or library function cpu_count.";
    "urandom" Bound(process::urandom) "($module, size, /)" "As the system call or library function urandom.";
    "getrandom" Bound(process::getrandom) "($module, /, size, flags=0)" "As the system call or library function getrandom.";
    "strerror" Bound(process::strerror) "($module, code, /)" "As the system call or library function strerror.";
    "fspath" Bound(process::fspath) "($module, /, path)" "As the system call or library function fspath.";
    "system" Bound(process::system) "($module, /, command)" "As the system call or library function system.";
    "sched_yield" NoArgs(process::sched_yield) "($module, /)" "As the system call or library function sched_yield.";
    "sched_getaffinity" Bound(process::sched_getaffinity) "($module, pid, /)" "As the system call or library function sched_getaffinity.";
    "sched_setaffinity" Bound(process::sched_setaffinity) "($module, pid, mask, /)" "As the system call or library function sched_setaffinity.";
    "getloadavg" NoArgs(process::getloadavg) "($module, /)" "As the system call or library function getloadavg.";
    "waitpid" Bound(process::waitpid) "($module, pid, options, /)" "As the system call or library function waitpid.";
    "wait" NoArgs(process::wait) "($module, /)" "As the system call or library function wait.";
    "WCOREDUMP" Bound(process::wcoredump) "($module, status, /)" "As the system call or library function WCOREDUMP.";
    "WEXITSTATUS" Bound(process::wexitstatus) "($module, /, status)" "As the system call or library function WEXITSTATUS.";
    "WIFCONTINUED" Bound(process::wifcontinued) "($module, /, status)" "As the system call or library function WIFCONTINUED.";
    "WIFEXITED" Bound(process::wifexited) "($module, /, status)" "As the system call or library function WIFEXITED.";
    "WIFSIGNALED" Bound(process::wifsignaled) "($module, /, status)" "As the system call or library function WIFSIGNALED.";
    "WIFSTOPPED" Bound(process::wifstopped) "($module, /, status)" "As the system call or library function WIFSTOPPED.";
    "WSTOPSIG" Bound(process::wstopsig) "($module, /, status)" "As the system call or library function WSTOPSIG.";
    "WTERMSIG" Bound(process::wtermsig) "($module, /, status)" "As the system call or library function WTERMSIG.";
    "waitstatus_to_exitcode" Bound(process::waitstatus_to_exitcode) "($module, /, status)" "As the system call or library function waitstatus_to_exitcode.";
    "register_at_fork" Bound(process::register_at_fork) "($module, /, *, before=<unrepresentable>, after_in_child=<unrepresentable>, after_in_parent=<unrepresentable>)" "As the system call or library function register_at_fork.";
    "fork" NoArgs(process::fork) "($module, /)" "As the system call or library function fork.";
    "execv" Bound(process::execv) "($module, path, argv, /)" "As the system call or library function execv.";
    "execve" Bound(process::execve) "($module, /, path, argv, env)" "As the system call or library function execve.";
    "ttyname" Bound(process::ttyname) "($module, fd, /)" "As the system call or library function ttyname.";
    "getlogin" NoArgs(process::getlogin) "($module, /)" "As the system call or library function getlogin.";
    "sync" NoArgs(process::sync) "($module, /)" "As the system call or library function sync.";
    "pidfd_open" Bound(process::pidfd_open) "($module, /, pid, flags=0)" "As the system call or library function pidfd_open.";
    "setns" Bound(process::setns) "($module, /, fd, nstype=0)" "As the system call or library function setns.";
};

fn number_dict(names: &[(&str, i64)]) -> Owned {
    let dict = dict::new();
    for (name, number) in names {
        DictObject::of(*dict).set_by_text(name, Owned::int(*number));
    }
    dict
}

fn initialize(module: Value, thread: &mut Thread) -> PyResult<()> {
    module::add(
        module,
        "__doc__",
        Owned::str("Functions of the operating system. Use the module os, which wraps them portably."),
    );
    module::add_functions(module, FUNCTIONS);
    for (name, value) in constants::CONSTANTS {
        module::add(module, name, Owned::int(*value));
    }
    module::add(module, "confstr_names", number_dict(constants::CONFSTR_NAMES));
    module::add(module, "pathconf_names", number_dict(constants::PATHCONF_NAMES));
    module::add(module, "sysconf_names", number_dict(constants::SYSCONF_NAMES));
    let have = constants::HAVE_FUNCTIONS.iter().map(|name| Owned::str(name)).collect();
    module::add(module, "_have_functions", list::from_vec(have));
    module::add(module, "environ", process::environment(thread)?);
    module::add(module, "error", exc::OS_ERROR.get().value().to_owned());
    module::add_type(module, &directory::DIR_ENTRY);
    add_to_module::<status::StatResult>(module);
    add_to_module::<status::StatvfsResult>(module);
    add_to_module::<descriptors::TerminalSize>(module);
    add_to_module::<process::UnameResult>(module);
    add_to_module::<process::TimesResult>(module);
    Ok(())
}

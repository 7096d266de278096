"""What native modules have: `dir()` of each equals CPython's, less the names below."""
import importlib
import sys

MODULES = """sys builtins _imp marshal posix _io _codecs _weakref _thread _warnings time _signal errno _abc _stat _types
_sysconfig atexit gc itertools _collections _functools _operator _sre _typing _contextvars _tokenize _ast _opcode _symtable
math _struct _string binascii select fcntl pwd _random _posixsubprocess _locale zlib _socket _bisect _heapq _json _queue array
unicodedata termios grp resource mmap faulthandler _csv cmath _statistics _md5 _sha1 _sha2 _sha3 _blake2 _hmac _hashlib
 _asyncio _bz2 _lzma _zstd _lsprof syslog _multiprocessing _posixshmem _suggestions _uuid _pickle _datetime _remote_debugging pyexpat
 pyexpat.errors pyexpat.model""".split()

# Names that pyrt leaves out, and why.
LEFT_OUT = {
    "sys._dump_tracelets": "a dump of CPython's JIT",
    "sys.activate_stack_trampoline": "CPython's bridge to perf",
    "sys.deactivate_stack_trampoline": "CPython's bridge to perf",
    "sys.remote_exec": "no other process may run code here",
    "_imp.create_dynamic": "there is no C API",
    "_imp.exec_dynamic": "there is no C API",
    "_datetime.datetime_CAPI": "there is no C API",
    "_socket.CAPI": "there is no C API",
    "pyexpat.expat_CAPI": "there is no C API",
    "unicodedata._ucnhash_CAPI": "there is no C API",
}

for name in MODULES:
    module = importlib.import_module(name)
    # Whether a native module is a file of its own is a matter of the build.
    names = {one for one in dir(module) if one not in ("__file__", "__loader__")}
    left_out = {one.partition(".")[2] for one in LEFT_OUT if one.startswith(name + ".")}
    if sys.implementation.name == "pyrt" and names & left_out:
        print(name, "has names that are said to be missing:", names & left_out)
    print(name, *sorted(names - left_out))

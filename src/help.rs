//! The texts of `--help` and its like.

/// `-h`
pub fn usage(program: &str) -> String {
    format!("usage: {program} [option] ... [-c cmd | -m mod | file | -] [arg] ...\n{OPTIONS}")
}

const OPTIONS: &str = "\
Options (and corresponding environment variables):
-b     : warn of bytes that are converted to str or compared with str or int
         (-bb: make it an error)
-B     : don't write .pyc files on import; also PYTHONDONTWRITEBYTECODE=x
-c cmd : program passed in as string (terminates option list)
-d     : accepted for compatibility; also PYTHONDEBUG=x
-E     : ignore PYTHON* environment variables (such as PYTHONPATH)
-h     : print this help message and exit (also -? or --help)
-i     : inspect interactively after running script; forces a prompt even
         if stdin does not appear to be a terminal; also PYTHONINSPECT=x
-I     : isolate Python from the user's environment (implies -E, -P and -s)
-m mod : run library module as a script (terminates option list)
-O     : remove assert and __debug__-dependent statements; add .opt-1 before
         .pyc extension; also PYTHONOPTIMIZE=x
-OO    : do -O changes and also discard docstrings; add .opt-2 before
         .pyc extension
-P     : don't prepend a potentially unsafe path to sys.path; also
         PYTHONSAFEPATH
-q     : don't print version and copyright messages on interactive startup
-s     : don't add user site directory to sys.path; also PYTHONNOUSERSITE=x
-S     : don't imply 'import site' on initialization
-u     : force the stdout and stderr streams to be unbuffered;
         this option has no effect on stdin; also PYTHONUNBUFFERED=x
-v     : verbose (trace import statements); also PYTHONVERBOSE=x
-V     : print the Python version number and exit (also --version)
         when given twice, print more information about the build
-W arg : warning control; arg is action:message:category:module:lineno
         also PYTHONWARNINGS=arg
-x     : skip first line of source, allowing use of non-Unix forms of #!cmd
-X opt : set implementation-specific option
--check-hash-based-pycs always|default|never:
         control how hash-based .pyc files are validated
--help-env: print help about Python environment variables and exit
--help-xoptions: print help about implementation-specific -X options and exit
--help-all: print complete help information and exit

Arguments:
file   : program read from script file
-      : program read from stdin (default; interactive mode if a tty)
arg ...: arguments passed to program in sys.argv[1:]
";

/// `--help-env`
pub const VARIABLES: &str = "\
Environment variables that change behavior:
PYTHONASYNCIODEBUG: debug mode of asyncio
PYTHON_BASIC_REPL: use the plain prompt instead of the one with line editing
PYTHONBREAKPOINT: what breakpoint() calls, as module.function; 0 disables it
PYTHONCASEOK    : accepted for compatibility (case matters in file names here)
PYTHONCOERCECLOCALE: 0 leaves the C locale as it is instead of taking one with
                  UTF-8; 'warn' tells on stderr when it was taken
PYTHON_COLORS   : 1 turns colored output on, 0 turns it off
PYTHONHASHSEED  : the seed of the hashes of str and bytes, 'random' or an
                  integer in the range [0,4294967295]
PYTHON_HISTORY  : the file that keeps what was typed at the prompt
PYTHONHOME      : alternate <prefix> directory (or <prefix>:<exec_prefix>).
                  The library is in <prefix>/lib/pythonX.X.
PYTHONIOENCODING: encoding[:errors] used for stdin/stdout/stderr
PYTHONMALLOC    : accepted for compatibility: there is one allocator
PYTHONMALLOCSTATS: print counts of the memory manager at the end
PYTHONPATH      : ':'-separated list of directories in front of the default
                  module search path.  The result is sys.path.
PYTHONPLATLIBDIR: override sys.platlibdir
PYTHONSTARTUP   : file executed on interactive startup (no default)
PYTHONUSERBASE  : defines the user base directory (site.USER_BASE)

These variables have equivalent command-line options (see --help for details):
PYTHON_CONTEXT_AWARE_WARNINGS: keep filters of warnings per context
                  (-X context_aware_warnings)
PYTHON_CPU_COUNT: override the return value of os.cpu_count() (-X cpu_count)
PYTHONDEBUG     : sets sys.flags.debug (-d)
PYTHONDEVMODE   : enable Python Development Mode (-X dev)
PYTHON_DISABLE_REMOTE_DEBUG: accepted for compatibility
                  (-X disable-remote-debug)
PYTHONDONTWRITEBYTECODE: don't write .pyc files (-B)
PYTHONFAULTHANDLER: dump the Python traceback on fatal errors (-X faulthandler)
PYTHON_FROZEN_MODULES: whether to use frozen modules (-X frozen_modules)
PYTHON_GIL      : 1 forces a GIL, 0 wants none (-X gil)
PYTHONINSPECT   : inspect interactively after running script (-i)
PYTHONINTMAXSTRDIGITS: limit of digits between int and str; 0 for none
                  (-X int_max_str_digits=N)
PYTHONNODEBUGRANGES: keep no columns in code objects (-X no_debug_ranges)
PYTHONNOUSERSITE: disable user site directory (-s)
PYTHONOPTIMIZE  : enable level 1 optimizations (-O)
PYTHON_PERF_JIT_SUPPORT: accepted for compatibility (-X perf_jit)
PYTHONPERFSUPPORT: accepted for compatibility (-X perf)
PYTHONPROFILEIMPORTTIME: show how long each import takes (-X importtime)
PYTHONPYCACHEPREFIX: root directory for bytecode cache (pyc) files
                  (-X pycache_prefix)
PYTHONSAFEPATH  : don't prepend a potentially unsafe path to sys.path (-P)
PYTHON_THREAD_INHERIT_CONTEXT: threads start with a copy of the context of
                  their creator (-X thread_inherit_context)
PYTHON_TLBC     : accepted for compatibility (-X tlbc)
PYTHONTRACEMALLOC: trace memory allocations (-X tracemalloc)
PYTHONUNBUFFERED: disable stdout/stderr buffering (-u)
PYTHONUTF8      : control the UTF-8 mode (-X utf8)
PYTHONVERBOSE   : trace import statements (-v)
PYTHONWARNDEFAULTENCODING: EncodingWarning where an encoding is left to the
                  locale (-X warn_default_encoding)
PYTHONWARNINGS  : warning control (-W)
";

/// `--help-xoptions`
pub const X_OPTIONS: &str = "\
The following implementation-specific options are available:
-X context_aware_warnings=[0|1]: keep filters of warnings per context (1) or
         per process (0); also PYTHON_CONTEXT_AWARE_WARNINGS
-X cpu_count=N: override the return value of os.cpu_count();
         -X cpu_count=default cancels overriding; also PYTHON_CPU_COUNT
-X dev : enable Python Development Mode; also PYTHONDEVMODE
-X disable-remote-debug: accepted for compatibility: no other process may run
         code here; also PYTHON_DISABLE_REMOTE_DEBUG
-X faulthandler: dump the Python traceback on fatal errors;
         also PYTHONFAULTHANDLER
-X frozen_modules=[on|off]: whether the modules that every start imports are
         found without a search (default: on); also PYTHON_FROZEN_MODULES
-X gil=[0|1]: 1 forces a GIL, 0 wants none; also PYTHON_GIL
-X importtime[=2]: show how long each import takes; with 2, show imports of
         loaded modules, too; also PYTHONPROFILEIMPORTTIME
-X int_max_str_digits=N: limit of digits between int and str;
         0 disables the limit; also PYTHONINTMAXSTRDIGITS
-X no_debug_ranges: keep no columns in code objects; also PYTHONNODEBUGRANGES
-X perf: accepted for compatibility; also PYTHONPERFSUPPORT=1
-X perf_jit: accepted for compatibility; also PYTHON_PERF_JIT_SUPPORT=1
-X pycache_prefix=PATH: write .pyc files to a tree of their own instead of to
         that of the code; also PYTHONPYCACHEPREFIX
-X showrefcount: accepted for compatibility
-X thread_inherit_context=[0|1]: threads start with a copy of the context of
         their creator (1) or with an empty one (0);
         also PYTHON_THREAD_INHERIT_CONTEXT
-X tlbc=[0|1]: accepted for compatibility; also PYTHON_TLBC
-X tracemalloc[=N]: trace memory allocations; N is the number of frames that
         are kept of each (default: 1); also PYTHONTRACEMALLOC=N
-X utf8[=0|1]: enable (1) or disable (0) UTF-8 mode; also PYTHONUTF8
-X warn_default_encoding: EncodingWarning where an encoding is left to the
         locale; also PYTHONWARNDEFAULTENCODING
-X zeal: merge counts, reclaim and collect at every safepoint (slow; for tests
         of the runtime)
";

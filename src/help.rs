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
PYTHONBREAKPOINT: what breakpoint() calls; 0 disables it
PYTHONDEVMODE   : enable the development mode (-X dev)
PYTHONHASHSEED  : the seed of str and bytes hashes, a number or \"random\"
PYTHONHOME      : alternate <prefix> directory (or <prefix>:<exec_prefix>)
PYTHONINTMAXSTRDIGITS: limit of digits between int and str (-X int_max_str_digits)
PYTHONIOENCODING: encoding[:errors] of stdin, stdout and stderr
PYTHONPATH      : ':'-separated list of directories in front of the default search path
PYTHONPYCACHEPREFIX: root directory of bytecode cache files (-X pycache_prefix)
PYTHONSTARTUP   : file executed on interactive startup (no default)
PYTHONUTF8      : 1 enables, 0 disables UTF-8 mode (-X utf8)
PYTHONWARNDEFAULTENCODING: warn of the default text encoding (-X warn_default_encoding)
PYTHON_CONTEXT_AWARE_WARNINGS: filters of warnings per context (-X context_aware_warnings)
PYTHON_CPU_COUNT: overrides os.cpu_count() (-X cpu_count)
PYTHON_GIL      : 1 forces a GIL, 0 wants none (-X gil)
PYTHON_THREAD_INHERIT_CONTEXT: threads start with a copy of their creator's context (-X thread_inherit_context)

These variables have equivalent command-line options:
PYTHONDEBUG -d, PYTHONDONTWRITEBYTECODE -B, PYTHONINSPECT -i, PYTHONNOUSERSITE -s, PYTHONOPTIMIZE -O,
PYTHONSAFEPATH -P, PYTHONUNBUFFERED -u, PYTHONVERBOSE -v, PYTHONWARNINGS=arg -W arg
";

/// `--help-xoptions`
pub const X_OPTIONS: &str = "\
The following implementation-specific options are available:
-X context_aware_warnings=[0|1]: filters of warnings per context
-X cpu_count=N: override os.cpu_count(); N may be \"default\"
-X dev: enable the development mode
-X faulthandler: dump Python tracebacks on fatal errors
-X gil=[0|1]: 1 forces a GIL, 0 wants none
-X importtime[=2]: show how long each import takes
-X int_max_str_digits=N: limit of digits between int and str; 0 for none
-X pycache_prefix=PATH: root directory of bytecode cache files
-X thread_inherit_context=[0|1]: threads start with a copy of their creator's context
-X utf8[=0|1]: UTF-8 mode
-X warn_default_encoding: warn of the default text encoding
-X zeal: merge counts, reclaim and collect at every safepoint (slow; for tests of the runtime)
";

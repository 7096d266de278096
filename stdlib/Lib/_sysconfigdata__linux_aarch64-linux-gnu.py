"""Read by `sysconfig` under the name of the platform."""
from _pyrt_sysconfigdata import build_time_vars

"""What the examples share: options, threads, time.

An example gives `run` two functions. `work(share, n_shares)` does one share of the job and returns its result;
`combine(results)` makes the whole result of those of all shares, as text.
"""
import argparse
import threading
import time


def options(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--threads", type=int, default=4, metavar="N", help="threads that share the job (default: 4)")
    parser.add_argument("--weak", action="store_true", help="each thread does the whole job on its own input")
    return parser


def in_threads(n_threads, function):
    """Calls `function(k)` for each k below n_threads in a thread of its own; the results, or the first exception."""
    results = [None] * n_threads
    errors = []

    def call(k):
        try:
            results[k] = function(k)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=call, args=(k,)) for k in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def run(arguments, work, combine):
    """Does the job as the options say; prints its result and the seconds it took."""
    n = arguments.threads
    start = time.perf_counter()
    if arguments.weak:
        wholes = in_threads(n, lambda k: combine([work(0, 1)]))
        if any(whole != wholes[0] for whole in wholes):
            raise SystemExit(f"the threads disagree: {wholes}")
        result = wholes[0]
    else:
        result = combine(in_threads(n, lambda k: work(k, n)))
    seconds = time.perf_counter() - start
    print(result)
    print(f"time: {seconds:.3f} s, threads: {n}{', weak' if arguments.weak else ''}")

"""`counter += 1` by several threads, without a lock and with one.

The statement reads, adds and writes: two threads may read the same number, and one of the two steps is lost. That is
a race in this program, and all that goes wrong is the number.
"""
import threading

import job


def main():
    parser = job.options(__doc__)
    parser.add_argument("--steps", type=int, default=1_000_000, metavar="N", help="steps per thread")
    arguments = parser.parse_args()
    lock = threading.Lock()
    counter = locked_counter = 0

    def without_lock(_):
        nonlocal counter
        for _ in range(arguments.steps):
            counter += 1

    def with_lock(_):
        nonlocal locked_counter
        for _ in range(arguments.steps):
            with lock:
                locked_counter += 1

    wanted = arguments.threads * arguments.steps
    job.in_threads(arguments.threads, without_lock)
    job.in_threads(arguments.threads, with_lock)
    print(f"wanted {wanted}")
    print(f"with a lock: {locked_counter}")
    print(f"without: {counter}, lost: {wanted - counter}")


if __name__ == "__main__":
    main()

"""A pipeline: one thread makes tasks, the others work on them, queues in between. Its threads wait for each other."""
import queue
import threading

import job


def collatz_steps(n):
    steps = 0
    while n != 1:
        n = 3 * n + 1 if n % 2 else n // 2
        steps += 1
    return steps


def pipeline(below, n_workers):
    tasks, results = queue.Queue(maxsize=64), queue.Queue()

    def produce():
        for start in range(1, below, 100):
            tasks.put(range(start, min(start + 100, below)))
        for _ in range(n_workers):
            tasks.put(None)

    def consume():
        while (task := tasks.get()) is not None:
            results.put(max((collatz_steps(n), n) for n in task))
        results.put(None)

    threads = [threading.Thread(target=produce)]
    threads += [threading.Thread(target=consume) for _ in range(n_workers)]
    for thread in threads:
        thread.start()
    best, ended = (0, 0), 0
    while ended < n_workers:
        result = results.get()
        if result is None:
            ended += 1
        else:
            best = max(best, result)
    for thread in threads:
        thread.join()
    return best


def main():
    parser = job.options(__doc__)
    parser.add_argument("--below", type=int, default=30_000, metavar="N", help="longest Collatz sequence below N")
    arguments = parser.parse_args()

    def work(share, n_shares):
        if arguments.weak:
            return pipeline(arguments.below, 1)
        # The job is shared inside the pipeline: the first share has it all.
        return pipeline(arguments.below, arguments.threads) if share == 0 else (0, 0)

    def combine(results):
        steps, n = max(results)
        return f"longest Collatz sequence below {arguments.below}: {n} with {steps} steps"

    job.run(arguments, work, combine)


if __name__ == "__main__":
    main()

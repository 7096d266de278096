"""Counts primes by trial division in several threads: `primes.py [threads]`, four by default.

The threads wait for nobody: without a GIL they use one core each, with a GIL one core together.
"""
import sys
import _thread

N_PRIMES_BELOW = 400_000
BLOCK = 2_000


def count_primes(start, stop):
    found = 0
    for n in range(max(start, 2), stop):
        divisor = 2
        while divisor * divisor <= n:
            if n % divisor == 0:
                break
            divisor += 1
        else:
            found += 1
    return found


def main():
    n_threads = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    found = [0] * n_threads

    def work(k):
        # Every n-th block: each thread gets as many large numbers as the others.
        for start in range(k * BLOCK, N_PRIMES_BELOW, n_threads * BLOCK):
            found[k] += count_primes(start, min(start + BLOCK, N_PRIMES_BELOW))

    handles = [_thread.start_joinable_thread(lambda k=k: work(k)) for k in range(n_threads)]
    for handle in handles:
        handle.join()
    print(f"primes below {N_PRIMES_BELOW}: {sum(found)} ({n_threads} threads)")


main()

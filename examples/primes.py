"""Counts primes by trial division. The threads wait for nobody."""
import job

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
    parser = job.options(__doc__)
    parser.add_argument("--below", type=int, default=300_000, metavar="N", help="count primes below N")
    arguments = parser.parse_args()
    below = arguments.below

    def work(share, n_shares):
        # Every n-th block: each thread gets as many large numbers as the others.
        return sum(count_primes(start, min(start + BLOCK, below)) for start in range(share * BLOCK, below, n_shares * BLOCK))

    job.run(arguments, work, lambda results: f"primes below {below}: {sum(results)}")


if __name__ == "__main__":
    main()

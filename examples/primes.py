"""Counts primes by trial division."""


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


print("primes below 200000:", count_primes(0, 200_000))

"""Sorts numbers by merging, written in Python: each thread sorts its slice, then the slices are merged."""
import job


def numbers(n, seed=1):
    state, found = seed, []
    for _ in range(n):
        state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
        found.append(state)
    return found


def merge(left, right):
    merged = []
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i] <= right[j]:
            merged.append(left[i])
            i += 1
        else:
            merged.append(right[j])
            j += 1
    merged.extend(left[i:])
    merged.extend(right[j:])
    return merged


def merge_sort(values):
    if len(values) <= 1:
        return list(values)
    middle = len(values) // 2
    return merge(merge_sort(values[:middle]), merge_sort(values[middle:]))


def main():
    parser = job.options(__doc__)
    parser.add_argument("--count", type=int, default=120_000, metavar="N", help="how many numbers")
    arguments = parser.parse_args()
    values = numbers(arguments.count)

    def work(share, n_shares):
        size = -(-len(values) // n_shares)
        return merge_sort(values[share * size:(share + 1) * size])

    def combine(results):
        while len(results) > 1:
            pairs = [results[i:i + 2] for i in range(0, len(results), 2)]
            results = [merge(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
        ordered = results[0]
        if any(a > b for a, b in zip(ordered, ordered[1:])) or len(ordered) != len(values):
            raise SystemExit("not sorted")
        return f"{len(ordered)} numbers, the middle one is {ordered[len(ordered) // 2]}"

    job.run(arguments, work, combine)


if __name__ == "__main__":
    main()

"""Multiplies two matrices in pure Python."""
import job


def matrix(n, seed):
    """Numbers that look random and are the same everywhere (a linear congruential generator)."""
    state, rows = seed, []
    for _ in range(n):
        row = []
        for _ in range(n):
            state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
            row.append(state / 2_147_483_648)
        rows.append(row)
    return rows


def product_rows(a, columns, rows):
    result = []
    for i in rows:
        row = a[i]
        line = []
        for column in columns:
            total = 0.0
            for x, y in zip(row, column):
                total += x * y
            line.append(total)
        result.append((i, line))
    return result


def main():
    parser = job.options(__doc__)
    parser.add_argument("--size", type=int, default=160, metavar="N", help="rows and columns")
    arguments = parser.parse_args()
    n = arguments.size
    a, b = matrix(n, 1), matrix(n, 2)
    columns = [[b[i][j] for i in range(n)] for j in range(n)]

    def work(share, n_shares):
        if arguments.weak:
            own_a, own_columns = [list(row) for row in a], [list(column) for column in columns]
            return product_rows(own_a, own_columns, range(n))
        return product_rows(a, columns, range(share, n, n_shares))

    def combine(results):
        rows = dict(pair for part in results for pair in part)
        trace = sum(rows[i][i] for i in range(n))
        total = sum(sum(rows[i]) for i in range(n))
        return f"{n} x {n}: trace {trace!r}, sum {total!r}"

    job.run(arguments, work, combine)


if __name__ == "__main__":
    main()

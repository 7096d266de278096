"""Long loops of many kinds: none may use up the native stack, whatever the optimiser made of the eval loop."""
import threading


class Point:
    def __init__(self, x):
        self.x = x
        self.items = []

    def move(self, by):
        self.x += by
        return self.x


def loop(n):
    point, row, table, text = Point(0.5), [], {}, []
    state = 1
    for i in range(n):
        state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
        row.append(state / 2_147_483_648)
        point.move(1)
        table[i % 100] = state
        if i % 100 in table and not i % 3:
            text.append(f"{i}")
        point.items = [*row[-3:], i]
        a, b = i, -i
        row[-1] = max(row[-1], 0.25) if a > b else row[-1]
        try:
            if i % 1000 == 0:
                table["missing"]
        except KeyError:
            state ^= 1
        with lock:
            state += len(point.items) is None
    return round(sum(row), 6), point.x, len(table), len(text), state


def deep(depth, n):
    return deep(depth - 1, n) if depth else loop(n)


def generated(n):
    for i in range(n):
        got = yield i
        if got:
            yield got


lock = threading.Lock()
print(loop(200_000))
print(deep(60, 50_000))
print(sum(generated(100_000)))
print(sum(x * y for x in range(300) for y in range(300)))
results = []
threads = [threading.Thread(target=lambda: results.append(deep(20, 50_000))) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(results[0], results.count(results[0]))
n = 0
while n < 300_000:
    n += 1
print(n, sorted([str(k) for k in range(1000)], key=lambda s: (len(s), s))[-1])

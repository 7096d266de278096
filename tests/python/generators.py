# Generators, coroutines, iteration protocols.
def squares(n):
    for i in range(n):
        yield i * i
print(list(squares(6)), sum(squares(10)))

def echo():
    received = None
    while True:
        received = yield received
        if received is None:
            return "finished"
e = echo()
next(e)
print(e.send(1), e.send("two"))
try:
    e.send(None)
except StopIteration as stop:
    print(stop.value)

def outer():
    result = yield from inner()
    print("inner gave", result)
    yield 99
def inner():
    try:
        yield 1
        yield 2
    except ValueError as error:
        yield f"caught {error}"
    return "value"
print(list(outer()))
o = outer()
print(next(o), o.throw(ValueError("boom")), list(o))

def closing():
    try:
        yield 1
    finally:
        print("closed")
c = closing()
next(c)
c.close()
print(list(c))
g = (x for x in range(3))
print(next(g), list(g), g.gi_frame)
def bad():
    raise StopIteration
    yield
try:
    list(bad())
except RuntimeError as error:
    print(error)

class Countdown:
    def __init__(self, n):
        self.n = n
    def __iter__(self):
        return self
    def __next__(self):
        if self.n <= 0:
            raise StopIteration
        self.n -= 1
        return self.n
print(list(Countdown(4)))
for i, x in [(1, "a"), (2, "b")]:
    print(i, x)

class Awaitable:
    def __await__(self):
        value = yield "suspended"
        return value * 2
async def coroutine():
    first = await Awaitable()
    second = await Awaitable()
    return first + second
co = coroutine()
print(co.send(None), co.send(3))
try:
    co.send(4)
except StopIteration as stop:
    print("result", stop.value)
def fib():
    a, b = 0, 1
    while True:
        yield a
        a, b = b, a + b
f = fib()
print([next(f) for _ in range(15)])
try:
    g2 = squares(3)
    g2.send(1)
except TypeError as error:
    print(error)
def infinite():
    n = 0
    while True:
        n += 1
        yield n
total = 0
for value in infinite():
    total += value
    if value >= 1000:
        break
print(total)

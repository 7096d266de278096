# Functions, closures, comprehensions, unpacking, matching, with, loops.
def f(a, b=2, *c, d=4, **e):
    return a, b, c, d, e

print(f(1), f(1, 3, 5, x=7), f(*[1, 2, 3], **{"d": 5, "q": 6}))

def g(a, /, b, *, c):
    return a + b + c

print(g(1, 2, c=3), g(1, b=2, c=3))
for bad in (lambda: g(1), lambda: g(a=1, b=2, c=3), lambda: g(1, 2, 3), lambda: g(1, 2), lambda: g(1, 2, c=3, d=4), lambda: f()):
    try:
        bad()
    except TypeError as error:
        print(error)

def counter():
    n = 0
    def step():
        nonlocal n
        n += 1
        return n
    return step

one, two = counter(), counter()
print(one(), one(), two(), one())

def late():
    try:
        print(unbound)
    except UnboundLocalError as error:
        print(error)
    unbound = 1
late()

print([x * y for x in range(4) for y in range(3) if x != y])
print({k: v for k, v in [("a", 1), ("b", 2)]}, {x % 3 for x in range(9)} == {0, 1, 2})
a, *b, c = range(6)
print(a, b, c)
(x, y), z = (1, 2), 3
print(x, y, z)
try:
    p, q = 1, 2, 3
except ValueError as error:
    print(error)
try:
    p, q, r = [1, 2]
except ValueError as error:
    print(error)

def classify(value):
    match value:
        case 0:
            return "zero"
        case [x, y] if x == y:
            return f"twins {x}"
        case [x, *rest]:
            return f"list {x} {rest}"
        case {"k": v, **rest}:
            return f"map {v} {rest}"
        case str() as s:
            return "text " + s
        case None | True:
            return "constant"
        case _:
            return "other"

for value in (0, [1, 1], [1, 2, 3], {"k": 1, "z": 2}, "hi", None, True, 4.5):
    print(classify(value))

for i in range(5):
    if i == 3:
        break
else:
    print("never")
while i:
    i -= 1
else:
    print("done", i)

class Manager:
    def __init__(self, swallow):
        self.swallow = swallow
    def __enter__(self):
        print("enter")
        return self
    def __exit__(self, kind, value, traceback):
        print("exit", kind and kind.__name__, value)
        return self.swallow

with Manager(True):
    raise ValueError("inside")
with Manager(False) as m, Manager(False):
    print("body", m.swallow)

print((lambda *a, **k: (a, k))(1, 2, z=3))
total = 0
for i in range(1000):
    total += i * i
print(total, 7 // 2, -7 // 2, -7 % 3, 2 ** 70, 1 << 65, ~5, 5 ^ 3, 6 & 3, 6 | 1)
print(10 ** 30 // 7, -(10 ** 20) % 97, divmod(-7, 2), 0.1 + 0.2, 1e100, 5 / 2, 7.5 // 2)
print(1 < 2 < 3, 1 == 1.0, "a" in "cat", [1] is [1], not 0, None or "x", 0 and 1)
print(x := 5, x)
del x
try:
    x
except NameError as error:
    print(error)
assert True, "fine"
try:
    assert 1 == 2, "not equal"
except AssertionError as error:
    print("AssertionError", error)
print("%s" % "text" if False else "conditional")
global_value = 1
def change():
    global global_value
    global_value += 1
change()
print(global_value)

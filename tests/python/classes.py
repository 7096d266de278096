# Classes: inheritance, super, descriptors, slots, metaclasses, special methods.
class Base:
    kind = "base"
    def __init__(self, x):
        self.x = x
    def get(self):
        return self.x
    def __repr__(self):
        return f"{type(self).__name__}({self.x!r})"
    def __eq__(self, other):
        return isinstance(other, Base) and self.x == other.x
    def __hash__(self):
        return hash(self.x)
    def __add__(self, other):
        return type(self)(self.x + other.x)
    def __lt__(self, other):
        return self.x < other.x
    def __len__(self):
        return 3
    def __getitem__(self, key):
        if key > 2:
            raise IndexError(key)
        return (self.x, key)
    def __contains__(self, item):
        return item == self.x
    def __call__(self, *args):
        return args
    def __bool__(self):
        return self.x != 0

class Derived(Base):
    def get(self):
        return super().get() * 10

d = Derived(4)
print(d, d.get(), d.kind, isinstance(d, Base), issubclass(Derived, Base), d.__dict__, len(d), list(d), 4 in d, d(1, 2))
print(d + Base(3), Base(1) == Base(1), Base(1) != Base(2), sorted([Base(3), Base(1)]), bool(Base(0)))
print(Derived.__mro__, Derived.__bases__, Derived.__name__, Derived.__qualname__)

class A: pass
class B(A): pass
class C(A): pass
class D(B, C): pass
print([k.__name__ for k in D.__mro__])
try:
    class X(A, B): pass
except TypeError as error:
    print(error)

class Slotted:
    __slots__ = ("a", "b")
s = Slotted()
s.a = 1
print(s.a, hasattr(s, "b"))
try:
    s.c = 1
except AttributeError as error:
    print(error)

class Descriptor:
    def __set_name__(self, owner, name):
        self.name = name
    def __get__(self, obj, cls=None):
        return self if obj is None else obj.__dict__.get(self.name, "unset")
    def __set__(self, obj, value):
        obj.__dict__[self.name] = value * 2

class Uses:
    field = Descriptor()
u = Uses()
print(u.field)
u.field = 21
print(u.field, u.__dict__)

class Meta(type):
    def __new__(mcls, name, bases, namespace, **kw):
        cls = super().__new__(mcls, name, bases, namespace)
        cls.tag = kw.get("tag")
        return cls
    def __init__(cls, name, bases, namespace, **kw):
        super().__init__(name, bases, namespace)
    def __call__(cls, *args):
        print("making", cls.__name__)
        return super().__call__(*args)

class WithMeta(metaclass=Meta, tag="t"):
    pass
print(WithMeta.tag, type(WithMeta).__name__, type(WithMeta()).__name__)

class Hooked:
    subclasses = []
    def __init_subclass__(cls, **kw):
        super().__init_subclass__()
        cls.subclasses.append((cls.__name__, kw))
class Sub(Hooked, flag=1): pass
print(Hooked.subclasses)

class Dynamic:
    def __getattr__(self, name):
        if name.startswith("x"):
            return name.upper()
        raise AttributeError(name)
print(Dynamic().xyz)
try:
    Dynamic().abc
except AttributeError as error:
    print("AttributeError", error)
try:
    Base(1).missing
except AttributeError as error:
    print(error)
obj = Base(1)
obj.extra = 5
del obj.extra
print(hasattr(obj, "extra"), vars(obj))
Base.kind = "changed"
print(d.kind, Derived.kind)
def late(self):
    return "late"
Base.late = late
print(d.late())
obj.__class__ = Derived
print(obj.get(), type(obj).__name__)
class Many:
    def __init__(self):
        for i in range(50):
            setattr(self, f"a{i}", i)
m = Many()
print(sum(getattr(m, f"a{i}") for i in range(50)), len(m.__dict__))
print(type("Made", (Base,), {"y": 1})(2).y)
class Numeric:
    def __radd__(self, other): return ("radd", other)
    def __rsub__(self, other): return ("rsub", other)
    def __neg__(self): return "neg"
    def __index__(self): return 3
    def __iadd__(self, other): return ("iadd", other)
n = Numeric()
print(1 + n, 2 - n, -n, [10, 20, 30, 40][n])
n += 7
print(n)

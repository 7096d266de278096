"""Decimals: thousands of operations over all methods and many contexts; results, flags and exceptions as checksums."""
import random
import threading
import zlib
from decimal import *

ROUNDINGS = [ROUND_UP, ROUND_DOWN, ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_05UP]
UNARY = """abs exp ln log10 minus next_minus next_plus normalize plus to_integral_exact to_integral_value sqrt logb
logical_invert _apply number_class to_sci_string to_eng_string is_normal is_subnormal create_decimal""".split()
BINARY = """add subtract multiply divide compare compare_signal divide_int divmod max max_mag min min_mag next_toward quantize
remainder remainder_near compare_total compare_total_mag copy_sign logical_and logical_or logical_xor rotate same_quantum
scaleb shift power""".split()
FORMATS = "e .3e f .2f g .4g % n ,.1f _ 020 *^30 +z.0f #.0f = .6,f >12".split()
source = random.Random(20)


def number():
    sign = source.choice(["", "-"])
    if source.random() < 0.06:
        return Decimal(sign + source.choice(["NaN", "sNaN7", "Infinity", "0", "0E-20", "0E+7"]))
    digits = "".join(source.choices(source.choice(["0123456789", "01", "9", "05"]), k=source.choice([1, 2, 5, 19, 20, 38, 39, 60])))
    return Decimal(f"{sign}{digits}E{source.choice([0, 0, source.randint(-45, 20), source.randint(-400, 400)])}")


def context():
    emax = source.choice([5, 96, 999999, MAX_EMAX])
    return Context(prec=source.choice([1, 3, 9, 19, 28, 38, 50]), rounding=source.choice(ROUNDINGS), Emin=-emax, Emax=emax,
                   clamp=source.choice([0, 1]), capitals=source.choice([0, 1]), traps=source.choice([[], [], [Inexact], [InvalidOperation]]))


def attempt(current, operation, *arguments):
    try:
        result = repr(operation(*arguments))
    except Exception as error:
        result = f"{type(error).__name__} {error}"
    return f"{result} {[signal.__name__ for signal, is_set in current.flags.items() if is_set]}"


for name in UNARY + BINARY + ["fma", "power_modulo", "format", "others"]:
    shown = []
    for _ in range(120):
        current, a, b = context(), number(), number()
        if name in ("scaleb", "rotate", "shift") or name == "power" and source.random() < 0.8:
            b = Decimal(source.randint(-12, 12))
        if name in UNARY:
            shown.append(attempt(current, getattr(current, name), a))
        elif name in BINARY:
            shown.append(attempt(current, getattr(current, name), a, b))
        elif name == "fma":
            shown.append(attempt(current, current.fma, a, b, number()))
        elif name == "power_modulo":
            shown.append(attempt(current, current.power, *(source.randint(-20, 10**6) for _ in range(3))))
        elif name == "format":
            shown.append(attempt(current, format, a, source.choice(FORMATS)))
        else:
            float_number = source.random() * 10.0 ** source.randint(-30, 30)
            shown += [attempt(current, operation, a) for operation in (float, bool, Decimal.as_tuple, Decimal.as_integer_ratio, hash)
                      if not (operation is hash and a.is_nan())]
            shown.append(attempt(current, lambda: (a == b, a == float_number, Decimal(float_number), hash(Decimal(float_number)))))
    print(name, zlib.crc32("\n".join(shown).encode()))

# Long numbers: products, quotients and roots that undo each other, and logarithms.
with localcontext(prec=30000, Emax=MAX_EMAX, Emin=MIN_EMIN):
    a, b = (Decimal("".join(source.choices("0123456789", k=k))) for k in (14000, 9000))
    print(a * b // b == a, (a * a).sqrt() == a, Decimal(int(a)) == a, zlib.crc32(str(a * b).encode()), zlib.crc32(str(a / b).encode()))
with localcontext(prec=600):
    a = Decimal("2.5").exp()
    print(zlib.crc32(str(a).encode()), a.ln(), zlib.crc32(str(Decimal(7).log10()).encode()), zlib.crc32(str(Decimal(3) ** Decimal("0.3")).encode()))

# Every thread has the context that it sets; one that is shared may be used by all.
shared = Context(prec=5)
results = {}


def work(i):
    setcontext(Context(prec=i))
    total = Decimal(0)
    for _ in range(2000):
        total = getcontext().create_decimal(Decimal(1) / 3)
        shared.divide(1, 3)
    results[i] = str(total)


threads = [threading.Thread(target=work, args=(i,)) for i in range(1, 9)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sorted(results.items()), getcontext().prec, shared.flags[Inexact])

# Raising, chaining, finally, groups, generators and exceptions.
def chain():
    try:
        try:
            {}["k"]
        except KeyError as error:
            raise ValueError("second") from error
    except ValueError as error:
        return error
e = chain()
print(repr(e), repr(e.__cause__), e.__suppress_context__, e.__context__ is e.__cause__)
try:
    try:
        1 / 0
    except ZeroDivisionError:
        undefined_name
except NameError as error:
    print(error, "|", repr(error.__context__))

def order():
    log = []
    try:
        log.append("try")
        return log
    finally:
        log.append("finally")
print(order())

def nested():
    for i in range(3):
        try:
            if i == 1:
                continue
            if i == 2:
                break
        finally:
            print("cleanup", i)
    return "end"
print(nested())

class Own(Exception):
    def __init__(self, code):
        super().__init__(f"code {code}")
        self.code = code
try:
    raise Own(7)
except (KeyError, Own) as error:
    print(error, error.code, error.args)
try:
    raise TypeError
except Exception as error:
    print(repr(error))
try:
    raise 5
except TypeError as error:
    print(error)
try:
    try:
        raise ExceptionGroup("group", [ValueError(1), TypeError(2), ExceptionGroup("inner", [ValueError(3)])])
    except* ValueError as group:
        print("values", [str(one) for one in group.exceptions])
    except* TypeError as group:
        print("types", group.exceptions)
except BaseException as error:
    print("left", repr(error))
try:
    int("x")
except ValueError as error:
    print(error)
try:
    [1, 2, 3][10]
except IndexError as error:
    print(error)
try:
    "a" + 1
except TypeError as error:
    print(error)
try:
    1 + "a"
except TypeError as error:
    print(error)
try:
    None.x
except AttributeError as error:
    print(error)
try:
    (1).__foo
except AttributeError as error:
    print(error)
def recurse(n):
    return recurse(n + 1)
try:
    recurse(0)
except RecursionError as error:
    print("RecursionError", error)
error = ValueError("noted")
error.add_note("a note")
print(error.__notes__)
def reraise():
    try:
        raise KeyError("again")
    except KeyError:
        raise
try:
    reraise()
except KeyError as error:
    print(repr(error))
try:
    raise
except RuntimeError as error:
    print(error)
def leave():
    try:
        return 1
    finally:
        pass
print(leave())
x = 1
try:
    try:
        raise ValueError
    finally:
        x = 2
except ValueError:
    print("x is", x)
print(type(e).__mro__)
raise SystemExit(3)

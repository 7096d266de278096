# Answers requests about syntax trees; see compare_ast.rs.
import ast, os, sys, unicodedata, warnings, zlib

sys.setrecursionlimit(100000)


def parse(mode, source):
    flags = ast.PyCF_ONLY_AST
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if mode.endswith("+tc"):
            mode, flags = mode[:-3], flags | ast.PyCF_TYPE_COMMENTS
        if mode.endswith("+inc"):
            mode, flags = mode[:-4], flags | 0x4000
        if mode.endswith("+ded"):
            mode, flags = mode[:-4], flags | 0x200
        tree = compile(source, "<source>", mode, flags, dont_inherit=True)
    found = "".join(f"\n{w.category.__name__}: {w.lineno}: {w.message}" for w in caught)
    return ast.dump(tree, include_attributes=True) + found


def hexed(text):
    return str(text).encode("utf-8", "surrogatepass").hex()


for line in sys.stdin:
    request, *arguments = line.rstrip("\n").split("\t")
    if request == "LIBRARY":
        print(os.path.dirname(os.__file__), flush=True)
        continue
    if request == "NAME":
        try:
            print(ord(unicodedata.lookup(arguments[0])), flush=True)
        except (KeyError, TypeError):
            print("-", flush=True)
        continue
    if request == "DECODE":
        try:
            print("OK", hexed(bytes.fromhex(arguments[1]).decode(arguments[0])), sep="\t", flush=True)
        except LookupError as e:
            print("ERROR", hexed(e), sep="\t", flush=True)
        except UnicodeDecodeError as e:
            print("ERROR", hexed(e), sep="\t", flush=True)
        continue
    mode, what = arguments[0], arguments[1]
    if request.endswith("FILE"):
        with open(what, "rb") as file:
            source = file.read()
    else:
        source = bytes.fromhex(what).decode("utf-8", "surrogatepass")
    try:
        text = parse(mode, source).encode("utf-8", "backslashreplace")
    except SyntaxError as e:
        where = (e.lineno, e.offset, e.end_lineno, e.end_offset)
        print("ERROR", type(e).__name__, hexed(e.msg), *where, hexed(e.text) if e.text is not None else "-", sep="\t", flush=True)
    except (ValueError, OverflowError, MemoryError, RecursionError) as e:
        print("ERROR", type(e).__name__, hexed(e), *[None] * 4, "-", sep="\t", flush=True)
    else:
        print("TREE", len(text), zlib.crc32(text), sep="\t", flush=True)
        if request.startswith("FULL"):
            sys.stdout.buffer.write(text)
            sys.stdout.buffer.flush()

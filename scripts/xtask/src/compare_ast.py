# Answers requests about syntax trees; see compare_ast.rs.
import _tokenize, ast, io, os, sys, unicodedata, warnings, zlib

sys.setrecursionlimit(100000)


def listed(caught):
    return "".join(f"\n{w.category.__name__}: {w.lineno}: {w.message}" for w in caught)


def parse(mode, source):
    flags = ast.PyCF_ONLY_AST
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        version = -1
        if "+fv" in mode:
            mode, version = mode.split("+fv")
        if mode.endswith("+tc"):
            mode, flags = mode[:-3], flags | ast.PyCF_TYPE_COMMENTS
        if mode.endswith("+inc"):
            mode, flags = mode[:-4], flags | 0x4000
        if mode.endswith("+ded"):
            mode, flags = mode[:-4], flags | 0x200
        try:
            tree = compile(source, "<source>", mode, flags, dont_inherit=True, _feature_version=int(version))
        except SyntaxError as e:
            e.msg += listed(caught)
            raise
    return ast.dump(tree, include_attributes=True) + listed(caught)


def tokens(source):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return "\n".join(map(ascii, _tokenize.TokenizerIter(io.StringIO(source).readline, extra_tokens=True)))


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
        if mode == "tokens":
            source = source.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    else:
        source = bytes.fromhex(what).decode("utf-8", "surrogatepass")
    try:
        text = tokens(source) if mode == "tokens" else parse(mode, source)
        text = text.encode("utf-8", "backslashreplace")
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

# Compiles files and snippets and sends the code as marshal data; see compare_bytecode.rs.
import _symtable, marshal, os, sys, unicodedata, warnings

out = sys.stdout.buffer


def hexed(text):
    return str(text).encode("utf-8", "surrogatepass").hex()


def dump_symbols(block, depth, lines):
    symbols = sorted(block.symbols.items())
    described = " ".join(f"{name}={flags}" for name, flags in symbols)
    lines.append(f"{depth} {block.type} {block.name} {block.lineno} {block.nested} {','.join(block.varnames)} | {described}")
    for child in block.children:
        dump_symbols(child, depth + 1, lines)


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
        except (LookupError, UnicodeDecodeError) as e:
            print("ERROR", hexed(e), sep="\t", flush=True)
        continue
    mode, optimize, flags, what = arguments
    if request == "FILE":
        with open(what, "rb") as file:
            source = file.read()
    else:
        source = bytes.fromhex(what).decode("utf-8", "surrogatepass")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            if optimize == "symbols":
                lines = []
                dump_symbols(_symtable.symtable(source, "f", mode), 0, lines)
                data = "\n".join(lines).encode()
            else:
                data = marshal.dumps(compile(source, "f", mode, int(flags), True, int(optimize)))
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as e:
            where = [getattr(e, name, None) or 0 for name in ("lineno", "offset", "end_lineno", "end_offset")]
            answer = ["ERROR", hexed(getattr(e, "msg", e)), *where]
        else:
            answer = ["DATA", len(data)]
    answer.append(hexed("\n".join(f"{w.lineno}: {w.message}" for w in caught)))
    print(*answer, sep="\t", flush=True)
    if answer[0] == "DATA":
        out.write(data)
        out.flush()

# Compiles files and sends the code as marshal data; see compare_bytecode.rs.
import marshal, os, sys, warnings

warnings.simplefilter("ignore")
out = sys.stdout.buffer
for line in sys.stdin:
    request, *arguments = line.rstrip("\n").split("\t")
    if request == "LIBRARY":
        print(os.path.dirname(os.__file__), flush=True)
        continue
    if request == "NAME":
        import unicodedata
        try:
            print(ord(unicodedata.lookup(arguments[0])), flush=True)
        except (KeyError, TypeError):
            print("-", flush=True)
        continue
    path, optimize = arguments
    with open(path, "rb") as file:
        source = file.read()
    try:
        data = marshal.dumps(compile(source, "f", "exec", 0, True, int(optimize)))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as e:
        print("ERROR", str(getattr(e, "msg", e)).encode("utf-8", "surrogatepass").hex(), getattr(e, "lineno", None), getattr(e, "offset", None), sep="\t", flush=True)
    else:
        print("CODE", len(data), sep="\t", flush=True)
        out.write(data)
        out.flush()

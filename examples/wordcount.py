"""Counts the words of the standard library's source files."""
import collections
import os
import re

import job

WORD = re.compile(r"[A-Za-z_]+")


def source_files(tree):
    found = []
    for folder, folders, files in os.walk(tree):
        folders[:] = sorted(name for name in folders if name not in ("__pycache__", "test", "tests", "site-packages"))
        paths = (os.path.join(folder, name) for name in sorted(files) if name.endswith(".py"))
        found.extend(path for path in paths if os.path.isfile(path))
    return found


def main():
    parser = job.options(__doc__)
    parser.add_argument("--tree", default=os.path.dirname(os.__file__), metavar="DIR", help="default: the library in use")
    arguments = parser.parse_args()
    files = source_files(arguments.tree)

    def work(share, n_shares):
        counts = collections.Counter()
        for path in files[share::n_shares]:
            with open(path, encoding="utf-8", errors="replace") as file:
                for line in file:
                    counts.update(WORD.findall(line))
        return counts

    def combine(results):
        counts = sum(results, collections.Counter())
        common = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:5]
        return f"{len(files)} files, {counts.total()} words, {len(counts)} different: {common}"

    job.run(arguments, work, combine)


if __name__ == "__main__":
    main()

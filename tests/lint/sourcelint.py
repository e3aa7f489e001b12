#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""House rules a compiler does not know. Each complaint says what to do instead.

usage: sourcelint.py TOP      check the tree below TOP
       sourcelint.py --self   check that each rule finds what it is for
"""
import os
import re
import sys

FOLDERS = ("src", "include", "tools", "tests", "fuzz")
SOURCES = (".c", ".h", ".x", ".py", ".sh")
RENAME_HOME = "src/util/virfile.c"
MAX_FUNCTION_LINES = 100

RENAME = re.compile(r"\b(?:g_rename|rename|renameat2?)\s*\(")
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")
OWNED = re.compile(
    r"^\s+(?:g_autoptr\s*\([^)]*\)|g_auto\s*\([^)]*\)|g_autofree\s+[\w ]+\**|VIR_AUTOCLOSE)"
    r"\s*\**\s*\w+(?:\s*,[^=;]*)?;")
COMMENT_OR_TEXT = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])+'", re.S)


def code_only(text):
    """Comments and literals blanked, line numbers kept."""
    return COMMENT_OR_TEXT.sub(lambda m: "\n" * m.group(0).count("\n"), text)


def check_head(path, lines):
    if not any("SPDX-License-Identifier: LGPL-2.1-or-later" in line for line in lines[:3]):
        yield 1, "no licence: begin the file with SPDX-License-Identifier: LGPL-2.1-or-later"


def check_unfinished(path, lines):
    for number, line in enumerate(lines, 1):
        if UNFINISHED.search(line):
            yield number, "a note to self: finish it, or describe it in docs/internals, and remove this"


def check_rename(path, lines):
    if path == RENAME_HOME or not path.startswith(("src/", "tools/")):
        return
    for number, line in enumerate(lines, 1):
        if RENAME.search(line):
            yield number, "a rename is not durable: use virFileReplaceDurable() of virfile.h"


def check_owned(path, lines):
    for number, line in enumerate(lines, 1):
        if OWNED.match(line):
            yield number, ("an owned local is not initialised, an early return would free garbage: "
                           "write '= NULL' (or '= -1', '= { 0 }') where it is declared")


def check_functions(path, lines):
    begin = None
    for number, line in enumerate(lines, 1):
        if line.rstrip() == "{":
            begin = number
        elif begin and line.startswith("}"):
            if line.rstrip() == "}" and number - begin - 1 > MAX_FUNCTION_LINES:
                yield begin, (f"a function of {number - begin - 1} lines: find the helpers in it "
                              f"(at most {MAX_FUNCTION_LINES})")
            begin = None


def check_text(path, text):
    lines = text.split("\n")
    yield from check_head(path, lines)
    yield from check_unfinished(path, lines)
    if not path.endswith((".c", ".h")):
        return
    code = code_only(text).split("\n")
    for rule in (check_rename, check_owned, check_functions):
        yield from rule(path, code)


def sources(top):
    for folder in FOLDERS:
        for where, names, files in os.walk(os.path.join(top, folder)):
            names[:] = [name for name in names if not name.startswith((".", "__"))]
            for name in sorted(files):
                if name.endswith(SOURCES):
                    yield os.path.relpath(os.path.join(where, name), top)


def check_tree(top):
    failures = 0
    for path in sources(top):
        with open(os.path.join(top, path), encoding="utf-8") as file:
            for number, message in check_text(path, file.read()):
                print(f"{path}:{number}: {message}")
                failures += 1
    return 1 if failures else 0


SAMPLE_HEAD = "/* SPDX-License-Identifier: LGPL-2.1-or-later */\n"
SAMPLES = [
    # path, text, line complained about (None: clean)
    ("src/a.c", "int x;\n", 1),
    ("src/a.c", SAMPLE_HEAD + "int x; /* " + "TO" "DO later */\n", 2),
    ("src/a.py", "# SPDX-License-Identifier: LGPL-2.1-or-later\n# " + "FIX" "ME\n", 2),
    ("src/a.c", SAMPLE_HEAD + "    rename(a, b);\n", 2),
    ("src/a.c", SAMPLE_HEAD + "    if (g_rename (a, b) < 0)\n", 2),
    ("src/a.c", SAMPLE_HEAD + "    /* rename(a, b) */ f(\"rename(a)\"); virDomainRename(d);\n", None),
    (RENAME_HOME, SAMPLE_HEAD + "    rename(a, b);\n", None),
    ("tests/a.c", SAMPLE_HEAD + "    rename(a, b);\n", None),
    ("src/a.c", SAMPLE_HEAD + "    g_autofree char *a;\n", 2),
    ("src/a.c", SAMPLE_HEAD + "    g_autofree unsigned char *a;\n", 2),
    ("src/a.c", SAMPLE_HEAD + "    g_autoptr(virJSONValue) a;\n", 2),
    ("src/a.c", SAMPLE_HEAD + "    g_auto(GStrv) a;\n", 2),
    ("src/a.c", SAMPLE_HEAD + "    VIR_AUTOCLOSE fd;\n", 2),
    ("src/a.c", SAMPLE_HEAD + "    g_autofree char *a = NULL;\n    g_auto(GStrv) b = f(\n"
                              "        x);\n    VIR_AUTOCLOSE fd = -1;\n", None),
    ("src/a.c", SAMPLE_HEAD + "void\nf(void)\n{\n" + "    g();\n" * 101 + "}\n", 4),
    ("src/a.c", SAMPLE_HEAD + "void\nf(void)\n{\n" + "    g();\n" * 100 + "}\n", None),
    ("src/a.c", SAMPLE_HEAD + "static const int t[] =\n{\n" + "    1,\n" * 200 + "};\n", None),
]


def check_self():
    failures = 0
    for path, text, wanted in SAMPLES:
        seen = [number for number, _ in check_text(path, text)]
        if seen != ([] if wanted is None else [wanted]):
            print(f"sample {text[:120]!r}: complaints at {seen}, wanted {wanted}")
            failures += 1
    return 1 if failures else 0


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(check_self() if sys.argv[1] == "--self" else check_tree(sys.argv[1]))


main()

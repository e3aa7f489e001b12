# SPDX-License-Identifier: LGPL-2.1-or-later
"""The shell and Python examples of the documentation, for tests that run them."""
import os
import sys

from daemon import SOURCE

sys.path.insert(0, os.path.join(SOURCE, "tests", "docs"))
import docstext  # noqa: E402


def example(page, name, language="sh"):
    """The text of the one '.. code-block:: LANGUAGE' with ':class: NAME' of docs/PAGE."""
    with open(os.path.join(SOURCE, "docs", page)) as f:
        lines = f.read().splitlines()
    found = [i for i, line in enumerate(lines) if line.strip() == ":class: " + name]
    if len(found) != 1 or not lines[found[0] - 1].strip() == ".. code-block:: " + language:
        raise AssertionError("docs/%s has %d examples of class '%s'" % (page, len(found), name))
    return docstext.indented_after(lines, found[0] + 1)[0]

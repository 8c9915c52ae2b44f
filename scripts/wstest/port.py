"""Makes Python 3 of the installed AutobahnTestSuite, which is written in Python 2.

Takes the directory of its package. fissix, the successor of 2to3, translates the language; what it
cannot know is edited below. No case is altered in what it sends or expects. An edit that finds
nothing is an error: then this is another version of the suite.
"""

import pathlib
import re
import shutil
import subprocess
import sys

# Which files, what to find in them, what to put there.
BEFORE = [
    # Read as latin-1, each octet of a literal is a character, as it was in a string of Python 2.
    ("case/*.py", r"\A# coding=utf-8", "# coding=latin-1"),
    # setuptools has it no more; it found the files of other modes and cases.
    ("*.py", r"(?<=^import )(.*), pkg_resources", r"\1"),
    ("case/*.py", r"(?<=^import )(.*), pkg_resources", r"\1"),
    # Modes and cases that are not run, and all that the package imports beforehand.
    ("wstest.py", r"^import (testee|echo|broadcast|massconnect|serializer)$", ""),
    ("__init__.py", r"^import warnings[\s\S]*", ""),
    ("case/__init__.py", r"^from case(9_9_1|12_x_x) .*", ""),
    ("case/__init__.py", r"^Case.*Case1[23]_X_X.*", ""),
    # TLS, which would need OpenSSL.
    ("fuzzing.py", r"(?<=import reactor), ssl$", ""),
    ("fuzzing.py", r"ssl\.ClientContextFactory\(\)", "None"),
    # The report in HTML: it mixes text and bytes throughout, and nobody would read it.
    ("fuzzing.py", r"produceHtml = True", "produceHtml = False"),
    ("fuzzing.py", r"^from report import [\s\S]*?JS_MASTER_REPORT$", ""),
]
AFTER = [
    # The library behind the library once chose Twisted by itself.
    ("fuzzing.py", r"^import autobahn$", r"import txaio\ntxaio.use_twisted()\n\g<0>"),
    # The cases hold octets as text: see octets.py.
    ("fuzzing.py", r"^import (.*)binascii, ", r"import \1"),
    ("fuzzing.py", r"^import autobahn$", r"\g<0>\nfrom . import octets as binascii"),
    ("fuzzing.py", r"(?<=^class FuzzingClientProtocol\()", "binascii.Octets, "),
    ("fuzzing.py", r"return dd\.decode", "return binascii.octets(dd).decode"),
    ("case/*.py", r"^import binascii", "from .. import octets as binascii"),
    ("case/case6_x_x.py", r"(?<=validate\()vss\[:i\]", r"binascii.octets(vss[:i])"),
    ("fuzzing.py", r"json\.dumps\(case, ", r"\g<0>default = binascii.text, "),
    # Python 3 orders the bases of a class anew, and there `object` comes last.
    ("case/*.py", r"\(object, Case, ?\)", "(Case,)"),
    # Equal strings need not be one and the same, as they had to be to be pickled alike.
    ("case/case.py", r"pickle\.dumps\((obj.)\)", r"\1"),
    # Division of whole numbers.
    ("case/case10_1_1.py", r"(?<=len\(self\.payload\)) /", " //"),
]


def edit(package, edits):
    for files, find, put in edits:
        found = 0
        for path in package.glob(files):
            # As latin-1 any file can be read and written, whatever it is coded in.
            text = path.read_text("latin-1")
            edited, count = re.subn(find, put, text, flags=re.MULTILINE)
            if count:
                path.write_text(edited, "latin-1")
            found += count
        if not found:
            sys.exit(f"port.py: nothing in {files} looks like {find}: which version is it?")


def main():
    package = pathlib.Path(sys.argv[1])
    edit(package, BEFORE)
    sources = [path for pattern in ("*.py", "case/*.py") for path in package.glob(pattern)]
    # Quiet: it tells of each file, and of each that it did not have to alter.
    subprocess.run(
        [sys.executable, "-m", "fissix", "--write", "--nobackups", "--no-diffs", *sources],
        check=True, capture_output=True,
    )
    edit(package, AFTER)
    shutil.copy(pathlib.Path(__file__).with_name("octets.py"), package)


main()

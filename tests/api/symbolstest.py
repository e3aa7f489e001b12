#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our libraries export what libvirt's export, each symbol under libvirt's version node, and nothing else.

usage: symbolstest.py apidata/symbols.txt include-directory library...
"""
import os
import re
import subprocess
import sys

PRIVATE = {'virObjectCheckConnect', 'virObjectCheckDomain', 'virObjectCheckWrite',
           'virObjectReportNoSupport', 'virReportErrorFull', 'virReportInvalidArgFull'}


def exported(library):
    text = subprocess.run(['nm', '-D', '--defined-only', '--with-symbol-versions', library],
                          check=True, capture_output=True, text=True).stdout
    for line in text.splitlines():
        kind, symbol = line.split()[-2:]
        if kind != 'A':    # the version nodes themselves
            yield symbol.replace('@@', '@')


def declared(directory):
    names = set()
    for header in os.listdir(directory):
        if header.endswith('.h'):
            with open(os.path.join(directory, header)) as f:
                text = re.sub(r'/\*.*?\*/', '', f.read(), flags=re.S)
            text = re.sub(r'^#.*(\\\n.*)*', '', text, flags=re.M)
            names.update(re.findall(r'(?<!\()\b(vir[A-Z]\w+)\(', text))
    return names


def main():
    with open(sys.argv[1]) as f:
        known = set(f.read().splitlines())
    bad = []
    seen = set()
    exports = set()
    for library in sys.argv[3:]:
        soname = re.sub(r'\.so\.0.*', '.so.0', os.path.basename(library))
        for symbol in exported(library):
            name, version = symbol.split('@') if '@' in symbol else (symbol, 'no version')
            seen.add(name)
            exports.add(f'{soname} {symbol}')
            if version.startswith('FLEECE_PRIVATE_'):
                if name not in PRIVATE:
                    bad.append(f'{soname}: {symbol} is private but not expected')
            elif f'{soname} {symbol}' not in known:
                bad.append(f'{soname}: {symbol} is not exported by libvirt')
    bad.extend(f'{symbol} is missing' for symbol in sorted(known - exports))
    for name in sorted(declared(sys.argv[2]) - seen):
        bad.append(f'{name} is declared in a header but exported nowhere')
    for line in bad:
        print(line)
    print(f'{len(seen)} symbols checked')
    sys.exit(1 if bad or len(seen) < 150 else 0)


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Turns the facts in tests/apidata into C that checks our headers against them.

Values and layouts become a table the test walks, so that it can name every difference; signatures
become static assertions.
"""
import sys

datadir = sys.argv[1]


def lines(name):
    with open(f'{datadir}/{name}') as f:
        return [line.rstrip('\n') for line in f if line.strip()]


print('/* Made by gen-abi-table.py from tests/apidata. */')
print('#define VIR_ENUM_SENTINELS')
print('#include <stddef.h>')
print('#include <libvirt/libvirt.h>')
print('#include <libvirt/libvirt-qemu.h>')
print('#include <libvirt/virterror.h>')
print('#include "abitest.h"')
print('const abiNumber abiNumbers[] = {')
for line in lines('enums.txt'):
    name, value = line.split()
    print(f'    {{ "{name}", {name}, {value} }},')
for line in lines('structs.txt'):
    name, value = line.split()
    what = f'offsetof({name.replace(".", ", ")})' if '.' in name else f'sizeof({name})'
    print(f'    {{ "{name}", {what}, {value} }},')
print('    { NULL, 0, 0 } };')
print('const abiString abiStrings[] = {')
for line in lines('strings.txt'):
    name, value = line.split(' ', 1)
    print(f'    {{ "{name}", {name}, {value} }},')
print('    { NULL, NULL, NULL } };')
for line in lines('functions.txt'):
    name, signature = line.split(' ', 1)
    if name.endswith('*'):   # a callback type: compare what it points to
        name = name[:-1]
        ours = f'__typeof__(*(({name})0))'
    else:
        ours = f'__typeof__({name})'
    print(f'_Static_assert(__builtin_types_compatible_p({ours}, {signature}), '
          f'"{name} has another signature");')

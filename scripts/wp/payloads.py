"""Payloads that are hard on an encoder of JSON, one a line, always the same ones."""

import json
import math
import random
import struct

draw = random.Random(4711)

# Not `-0`: PHP reads that as an integer, and no integer of PHP's is written so.
NUMBERS = """
0 0.0 -0.0 1.0 -1.0 100.0 1e2 0.1 0.0001 0.00001 1e-5 123456789012345.0 1234567890123456.0
12345678901234567.0 1e15 1e16 1e17 1e18 1e21 1e22 1e100 1.5e300 5e-324 1.7976931348623157e308
2.2250738585072014e-308 9223372036854775807 9223372036854775808 -9223372036854775808
-9223372036854775809 18446744073709551615 123456789012345678901234567890 0.30000000000000004
29.99 1e-7 4.35 0.1e1
"""


def numbers(spelled):
    print('{"n":[' + ",".join(spelled) + "]}")


numbers(NUMBERS.split())
floats = [struct.unpack("<d", draw.randbytes(8))[0] for _ in range(2000)]
numbers(repr(number) for number in floats if math.isfinite(number))
numbers(repr(n / 100) for n in range(2000))
every = "".join(map(chr, [*range(1, 0x3000), *range(0xFE00, 0x10000)]))
html = "<a href='x'>&\"\\</a>"
print(json.dumps({"t": every, "\U0001f600": "\U0010ffff\U00010000\0", "a/b": html}))
print('{"o":{},"a":[],"l":[[],{},[{}],null,true,false,""],"":1,"0":2,"-1":3}')
print('{"wu_version":"own","after":1}')
print("{}")

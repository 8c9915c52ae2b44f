"""1,000 bodies of all kinds, always the same ones: `lines` has one a line, `bodies/` the others."""

import json
import pathlib
import random
import sys

work = pathlib.Path(sys.argv[1])
draw = random.Random(4665)

# Everything but line ends, and but surrogates, which are no characters.
RANGES = [(0x20, 0x7E), (0xA0, 0xFF), (0x370, 0x3FF), (0x4E00, 0x4FFF), (0x1F300, 0x1F64F)]


def text(length):
    chars = []
    for _ in range(length):
        low, high = draw.choice(RANGES)
        chars.append(chr(draw.randint(low, high)))
    return "".join(chars)


def value(depth):
    kind = draw.randrange(6 if depth else 4)
    if kind == 0:
        return draw.choice([None, True, False, 0, -1, 2**53, 1.1, 1e-7, 1e300])
    if kind < 4:
        return text(draw.randrange(20))
    if kind == 4:
        return [value(depth - 1) for _ in range(draw.randrange(5))]
    return {text(draw.randrange(1, 9)): value(depth - 1) for _ in range(draw.randrange(5))}


lines = []
for n in range(950):
    if n % 3 == 2:
        lines.append("x" + text(draw.randrange(200)) + "x")
    else:
        spaces = draw.choice([(",", ":"), (", ", ": "), (" , ", " : ")])
        body = {"n": n, "data": value(3)}
        lines.append(json.dumps(body, ensure_ascii=bool(n % 2), separators=spaces))
(work / "lines").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")

others = [b"", b"\r\n", b"{}\r\n", b"{\r\n  \"a\": 1\r\n}\r\n", b"\n", b" ", b"\t{} ", b"null", b"\0a"]
others.append("\ufeff{}".encode())
others.append("e\u0301 \u00e9 \u202e \u2028".encode())
others += [json.dumps({"padding": text(1)[:1] * (1024 * 1024 // 4)}).encode() for _ in range(3)]
others.append(b"x" * 1024 * 1024)
while len(others) < 50:
    others.append((text(40) + "\r\n" + text(draw.randrange(4000)) + "\n").encode())
(work / "bodies").mkdir()
for n, body in enumerate(others):
    (work / "bodies" / f"{n:03}").write_bytes(body)

"""Counts what wstest found, by category; an error if a case failed or was not run.

Takes its index.json and how many cases there are.
"""

import collections
import json
import sys

# What a case may come out as (autobahntestsuite's case/case.py), and how its connection may end.
BEHAVIOURS = ["OK", "NON-STRICT", "INFORMATIONAL", "FAILED"]
ENDS_WELL = {"OK", "INFORMATIONAL"}
NAMES = {
    1: "framing", 2: "pings and pongs", 3: "reserved bits", 4: "opcodes", 5: "fragmentation",
    6: "UTF-8", 7: "closing", 10: "many fragments",
}


def main():
    index, wanted = sys.argv[1], int(sys.argv[2])
    with open(index) as report:
        cases = json.load(report).get("hooklab", {})
    counts = collections.defaultdict(collections.Counter)
    failed = []
    in_order = sorted(cases.items(), key=lambda item: [int(part) for part in item[0].split(".")])
    for case, found in in_order:
        behaviour, end = found["behavior"], found["behaviorClose"]
        if behaviour not in BEHAVIOURS[:-1] or end not in ENDS_WELL:
            failed.append(f"{case}: {behaviour}, closing {end}; see {found['reportfile']}")
            behaviour = "FAILED"
        counts[int(case.split(".")[0])][behaviour] += 1
    print(f"{'':20}", *(f"{behaviour:>14}" for behaviour in BEHAVIOURS))
    for category, count in sorted(counts.items()):
        name = f"{category} {NAMES[category]}"
        print(f"{name:20}", *(f"{count[behaviour]:14}" for behaviour in BEHAVIOURS))
    print(*failed, sep="\n", end="\n" if failed else "")
    if len(cases) != wanted:
        failed.append(f"{len(cases)} cases were run instead of {wanted}")
        print(failed[-1])
    sys.exit(1 if failed else 0)


main()

"""Counts test reports in JUnit's XML, as `swift test` and pytest write them.

Prints "passed failed skipped" on the first line, then one line for each skipped test with its
reason. An unreadable or absent report counts as nothing; the caller looks at the exit status too.
"""

import sys
import xml.etree.ElementTree as ElementTree


def tally(paths):
    passed = failed = 0
    skipped = []
    for path in paths:
        try:
            cases = list(ElementTree.parse(path).iter("testcase"))
        except (OSError, ElementTree.ParseError):
            continue
        for case in cases:
            skip = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
            elif skip is not None:
                reason = skip.get("message") or (skip.text or "").strip() or "no reason given"
                skipped.append(f"{case.get('classname')}.{case.get('name')}: {reason}")
            else:
                passed += 1
    return passed, failed, skipped


if __name__ == "__main__":
    passed, failed, skipped = tally(sys.argv[1:])
    print(passed, failed, len(skipped))
    for line in skipped:
        print(line)

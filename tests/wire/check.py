"""Checks recorded exchanges against what the vendors publish of their APIs.

    python check.py DIRECTORY

reads every `*.jsonl` below DIRECTORY, one exchange a line:

    {"cloud": "gcp", "method": "POST", "uri": "/compute/v1/projects/…", "headers": [["host", "…"]],
     "body_base64": "…", "status": 200, "response_headers": […], "response_base64": "…"}

and exits with 1 and a list of faults if a request names an operation, version, parameter, header, element or field that
its API does not have, leaves out a required one, sends one that only answers have, or gives a value out of its
enumeration, bounds, pattern or type; likewise if an answer of our sandbox is none that the API could give; and also if
there is no request at all for a cloud that has a provider. Lines without `status` are requests that someone else's
emulator answered.

AWS is checked by botocore's models (`aws.py`), Azure by its management packages (`arm.py`), and Google Cloud by the
discovery documents (`gcp.py`).
"""

import json
import pathlib
import re
import sys

import arm
import aws
import gcp
from exchange import Exchange, Malformed

CLOUDS = {"aws": aws.check, "azure": arm.check, "gcp": gcp.check}

PROVIDERS = pathlib.Path(__file__).resolve().parents[2] / "providers"


class Tally:
    """What was found in one cloud's exchanges."""

    def __init__(self):
        self.requests, self.operations, self.places, self.counts = 0, set(), {}, {}

    def add(self, name, faults, place):
        """Counts an exchange."""
        self.requests += 1
        self.operations.add(name)
        for fault in faults:
            # Every item of a list has the same fault.
            key = (name, re.sub(r"\[\d+\]", "[]", fault))
            self.places.setdefault(key, place)
            self.counts[key] = self.counts.get(key, 0) + 1

    def tell(self, cloud, out):
        """Writes each fault once, and the totals."""
        for (name, fault), place in sorted(self.places.items()):
            times = self.counts[name, fault]
            print(f"{name}: {fault}  [{place}{f', {times} times' if times > 1 else ''}]", file=out)
        counts = f"{self.requests} requests, {len(self.operations)} operations, {len(self.places)} faults"
        print(f"{cloud}: {counts}", file=out)


def check_record(record):
    """Returns the operation of a recorded exchange, and the list of its faults."""
    exchange = Exchange(record)
    if exchange.cloud not in CLOUDS:
        raise Malformed(f"unknown cloud {exchange.cloud!r}")
    return CLOUDS[exchange.cloud](exchange)


def check_directory(directory, out, expected=()):
    """Checks every recording below `directory`, writes the findings, and returns whether all is well."""
    tallies = {cloud: Tally() for cloud in expected}
    for path in sorted(directory.rglob("*.jsonl")):
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                place, cloud = f"{path.relative_to(directory)}:{number}", "?"
                try:
                    record = json.loads(line)
                    cloud = record["cloud"]
                    name, faults = check_record(record)
                except (Malformed, json.JSONDecodeError) as error:
                    name, faults = "?", [str(error)]
                except (KeyError, TypeError):
                    name, faults = "?", ["no recorded exchange: no cloud is named"]
                tallies.setdefault(cloud, Tally()).add(name, faults, place)
    for cloud, tally in sorted(tallies.items()):
        tally.tell(cloud, out)
    silent = [cloud for cloud, tally in sorted(tallies.items()) if tally.requests == 0]
    for cloud in silent if tallies else ["any cloud"]:
        print(f"no request to {cloud} was recorded in {directory}: the suites do not write there", file=out)
    return bool(tallies) and not silent and not any(tally.places for tally in tallies.values())


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: check.py DIRECTORY")
    directory = pathlib.Path(sys.argv[1])
    if not directory.is_dir():
        sys.exit(f"{directory} is no directory")
    expected = [cloud for cloud in CLOUDS if (PROVIDERS / cloud).is_dir()]
    sys.exit(0 if check_directory(directory, sys.stdout, expected) else 1)


if __name__ == "__main__":
    main()

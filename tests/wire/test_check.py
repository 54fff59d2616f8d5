"""Whole directories of recordings: what is counted, and when the check fails."""

import base64
import io
import json
import pathlib
import tempfile
import unittest

from check import check_directory


def aws(parameters=""):
    body = base64.b64encode(f"Action=DescribeVpcs&Version=2016-11-15{parameters}".encode()).decode()
    request = {"method": "POST", "uri": "/", "body_base64": body}
    return {"cloud": "aws", "service": "ec2", "operation": "DescribeVpcs", **request}


GCP = {"cloud": "gcp", "method": "GET", "uri": "/compute/v1/projects/p/global/networks"}


class Directories(unittest.TestCase):
    def check(self, *lines, expected=()):
        out = io.StringIO()
        with tempfile.TemporaryDirectory() as name:
            directory = pathlib.Path(name)
            if lines:
                text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
                (directory / "suite.jsonl").write_text(text)
            return check_directory(directory, out, expected), out.getvalue()

    def test_no_request_at_all_fails(self):
        well, text = self.check()
        self.assertFalse(well)
        self.assertIn("no request to any cloud was recorded", text)

    def test_each_expected_cloud_must_be_there(self):
        well, text = self.check(aws(), expected=["aws", "gcp"])
        self.assertFalse(well)
        self.assertIn("gcp: 0 requests, 0 operations, 0 faults\nno request to gcp was recorded", text)

    def test_good_requests_are_counted_by_cloud(self):
        wanted = "aws: 2 requests, 1 operations, 0 faults\ngcp: 1 requests, 1 operations, 0 faults\n"
        self.assertEqual(self.check(aws(), GCP, aws(), expected=["aws", "gcp"]), (True, wanted))

    def test_the_same_fault_is_told_once(self):
        wrong = aws("&Colour=red")
        well, text = self.check(wrong, wrong)
        self.assertFalse(well)
        self.assertIn("ec2 DescribeVpcs: Colour: unknown parameter  [suite.jsonl:1, 2 times]\n", text)
        self.assertIn("aws: 2 requests, 1 operations, 1 faults", text)

    def test_what_is_no_exchange_is_a_fault(self):
        for line in ["{", "[]", "{}", {**aws(), "service": "dynamodb"}, {**GCP, "cloud": "vapour"}, {"cloud": "gcp"}]:
            with self.subTest(line=line):
                self.assertFalse(self.check(line)[0])


if __name__ == "__main__":
    unittest.main()

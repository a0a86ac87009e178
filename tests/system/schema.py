#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds JSON files against the shipped schemas.

schema.py DIRECTORY <<ROWS, one file a row: fits|unfit SCHEMA FILE NAME...
Prints, for each, whether it is as the row says: `ok NAME` or `not NAME: why`.
"""
import json
import os
import sys

import jsonschema


def load(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def validator(directory, name):
    schema = load(os.path.join(directory, name + ".schema.json"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def main():
    validators = {}
    for row in sys.stdin:
        wanted, schema, path, name = row.rstrip("\n").split(" ", 3)
        if schema not in validators:
            validators[schema] = validator(sys.argv[1], schema)
        error = next(validators[schema].iter_errors(load(path)), None)
        if (error is None) == (wanted == "fits"):
            print("ok", name)
        else:
            print("not", name + ":", error.message if error else "it fits")


main()

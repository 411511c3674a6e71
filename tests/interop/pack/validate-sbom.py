"""Judges documents by the schema of CycloneDX 1.6: prints one line per document that is not valid."""

import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as document:
        fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(document.read())
    if fault is not None:
        print(path, str(fault).splitlines()[0])

# SPDX-License-Identifier: Apache-2.0
"""The published schema is the one that the code makes, and says what every method takes and answers."""

import json
from pathlib import Path

from pcipt_agent.views.contract import VERSION
from pcipt_agent.views.methods import METHODS, schema
from tests.support.golden import Golden

PUBLISHED = Path(__file__).parents[2] / "etc" / "pcipt-agent" / f"rpc-{VERSION}.schema.json"


def test_the_published_schema_is_fresh(golden: Golden) -> None:
    golden.check(json.dumps(schema(), indent=2) + "\n", PUBLISHED)


def test_every_method_refers_to_models_that_are_defined() -> None:
    document = json.loads(json.dumps(schema()))
    references = {
        reference["$ref"].removeprefix("#/$defs/")
        for method in document["methods"].values()
        for reference in (method["arguments"], *method["answer"]["anyOf"])
    }
    assert references <= set(document["$defs"])
    assert set(document["methods"]) == set(METHODS)


def test_every_refusal_is_told_apart_by_its_code() -> None:
    refusal = json.loads(json.dumps(schema()))["$defs"]["RefusalAnswer"]["properties"]["refusal"]
    assert refusal["discriminator"]["propertyName"] == "code"
    assert len(refusal["oneOf"]) == len(refusal["discriminator"]["mapping"]) == 17

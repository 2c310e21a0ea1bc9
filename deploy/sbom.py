"""What is in the image, as a CycloneDX bill: Python's distributions with the hash each was installed by, Python,
and the packages of the system.

    python deploy/sbom.py INSTALLED_JSON

It is run by the environment that it describes. INSTALLED_JSON is the report of the pip that installed the lock.
"""

import json
import platform
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = "pos-gateway"
SYSTEM = Path("/var/lib/dpkg/status")


@dataclass(frozen=True, slots=True)
class SystemPackage:
    name: str
    version: str
    architecture: str


def bill(
    installed: Iterable[Distribution],
    hashes: Mapping[str, str],
    system: Iterable[SystemPackage],
    python_version: str,
) -> dict[str, Any]:
    """The same input gives the same bill: it bears no time, and its number follows from what it lists."""
    by_name = {canonicalize_name(each.metadata["Name"]): each for each in installed}
    listed = {name: _distribution(name, by_name[name], hashes.get(name)) for name in sorted(by_name)}
    subject = listed.pop(PROJECT)
    python = {
        "type": "platform",
        "bom-ref": f"pkg:generic/python@{python_version}",
        "name": "python",
        "version": python_version,
        "purl": f"pkg:generic/python@{python_version}",
    }
    components = [
        *listed.values(),
        python,
        *map(_system_package, sorted(system, key=lambda package: package.name)),
    ]
    references = {name: component["bom-ref"] for name, component in {PROJECT: subject, **listed}.items()}
    number = uuid5(NAMESPACE_URL, json.dumps([subject, components], sort_keys=True))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{number}",
        "version": 1,
        "metadata": {"component": subject},
        "components": components,
        "dependencies": [
            {
                "ref": references[name],
                "dependsOn": sorted(references[one] for one in _needs(by_name[name], by_name)),
            }
            for name in references
        ],
    }


def installed_hashes(report: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 of the archive that each distribution came in, by name. The mirror's address stays out."""
    return {
        canonicalize_name(entry["metadata"]["name"]): entry["download_info"]["archive_info"]["hashes"][
            "sha256"
        ]
        for entry in report["install"]
    }


def system_packages(status: str) -> list[SystemPackage]:
    """Of dpkg's list; what was removed stays in it with another status."""
    found = []
    for paragraph in status.split("\n\n"):
        fields = dict(re.findall(r"^(Package|Version|Architecture|Status): (.*)$", paragraph, re.MULTILINE))
        if fields.get("Status", "").endswith(" installed"):
            found.append(SystemPackage(fields["Package"], fields["Version"], fields["Architecture"]))
    return found


def _distribution(name: str, found: Distribution, sha256: str | None) -> dict[str, Any]:
    purl = f"pkg:pypi/{name}@{quote(found.version, safe='')}"
    component: dict[str, Any] = {
        "type": "application" if name == PROJECT else "library",
        "bom-ref": purl,
        "name": found.metadata["Name"],
        "version": found.version,
        "purl": purl,
    }
    if sha256 is not None:
        component["hashes"] = [{"alg": "SHA-256", "content": sha256}]
    if licences := _licences(found):
        component["licenses"] = licences
    return component


def _licences(found: Distribution) -> list[dict[str, Any]]:
    """The expression where there is one, since it alone is exact; else what the classifiers say."""
    if expression := found.metadata.get("License-Expression"):
        return [{"expression": expression}]
    classifiers = found.metadata.get_all("Classifier") or []
    named = [text.rpartition(" :: ")[2] for text in classifiers if text.startswith("License :: ")]
    return [{"license": {"name": name}} for name in dict.fromkeys(named)]


def _needs(found: Distribution, by_name: Mapping[str, Distribution]) -> set[str]:
    """What it asks for here, its extras left aside; whatever an extra brought is listed all the same."""
    asked = map(Requirement, found.requires or ())
    wanted = {
        canonicalize_name(one.name)
        for one in asked
        if one.marker is None or one.marker.evaluate({"extra": ""})
    }
    return wanted & by_name.keys()


def _system_package(package: SystemPackage) -> dict[str, Any]:
    version = quote(package.version, safe="")
    purl = f"pkg:deb/debian/{quote(package.name, safe='')}@{version}?arch={package.architecture}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "purl": purl,
    }


def main(report: str) -> None:
    hashes = installed_hashes(json.loads(Path(report).read_text(encoding="utf-8")))
    system = system_packages(SYSTEM.read_text(encoding="utf-8")) if SYSTEM.exists() else []
    json.dump(bill(distributions(), hashes, system, platform.python_version()), sys.stdout, indent=2)


if __name__ == "__main__":
    main(sys.argv[1])

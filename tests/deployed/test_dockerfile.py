"""What the Dockerfile promises, read from it; `make image` builds it and looks at the container itself."""

import fnmatch
import json
import re
import tomllib
from pathlib import Path

from tests.deployed.dockerfile import arguments, stages

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
BUILD, FINAL = stages(DOCKERFILE)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_both_stages_have_the_one_base_whose_digest_can_be_given() -> None:
    assert BUILD.base == FINAL.base == "${PYTHON_IMAGE}"
    name, _, tag = arguments(DOCKERFILE)["PYTHON_IMAGE"].rpartition(":")
    assert name == "docker.io/library/python"
    assert re.fullmatch(r"3\.1[123]-slim-[a-z]+", tag)


def test_nothing_is_installed_but_wheels_that_a_lock_names_by_hash() -> None:
    [installing, making] = BUILD.of("RUN")
    for words in re.findall(r"pip (?:--python \S+ )?install (.*?)(?= && |$)", installing):
        assert "--only-binary :all:" in words
        assert "--require-hashes" in words
        assert re.search(r"--requirement requirements/(?:build|image)\.txt", words)
    assert installing.count(" install ") == 2
    made = re.findall(r"pip (?:--python \S+ )?(?:install|wheel) (.*?)(?= && |$)", making)
    assert len(made) == 2
    assert all("--no-index --no-deps" in words for words in made)


def test_the_final_stage_runs_as_nobody_and_installs_nothing() -> None:
    assert FINAL.name is None
    assert FINAL.of("USER") == ["65532:65532"]
    [removing] = FINAL.of("RUN")
    assert "install" not in removing
    # Whatever may change the image comes before the user who may not.
    keywords = [keyword for keyword, _ in FINAL.instructions]
    assert max(keywords.index("RUN"), keywords.index("COPY")) < keywords.index("USER")
    assert FINAL.of("COPY") == ["--from=build /opt/pos-gateway /opt/pos-gateway"]
    assert FINAL.of("ADD") == BUILD.of("ADD") == []


def test_it_starts_the_service_without_a_shell_and_asks_whether_it_is_alive() -> None:
    assert json.loads(FINAL.of("ENTRYPOINT")[0]) == ["pos-gateway"]
    assert json.loads(FINAL.of("CMD")[0]) == ["run"]
    [health] = FINAL.of("HEALTHCHECK")
    assert "'/livez'" in json.loads(health.partition("CMD ")[2])[2]
    # A pod's name for a secret is a file; none is an argument, which the image's history would show.
    assert not re.search(r"secret|password|token", " ".join(FINAL.of("ENV") + FINAL.of("ARG")), re.IGNORECASE)


def test_the_labels_are_those_of_the_project() -> None:
    [labels] = FINAL.of("LABEL")
    said = dict(re.findall(r'org\.opencontainers\.image\.([a-z.]+)="([^"]*)"', labels))
    assert said["title"] == PROJECT["name"]
    assert said["description"] == PROJECT["description"]
    assert said["licenses"] == PROJECT["license"]
    assert arguments(DOCKERFILE)["VERSION"] == PROJECT["version"]
    assert {"version", "revision", "created", "base.name"} <= said.keys()


def test_only_what_is_named_reaches_the_build() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = [rule[1:] for rule in rules if rule.startswith("!")]
    assert all((ROOT / name).exists() for name in let_in)
    copied = {name for copy in BUILD.of("COPY") for name in copy.split()[:-1] if name != "."}
    assert copied <= set(let_in)
    packaged = {"gateway", PROJECT["readme"], *PROJECT["license-files"], "pyproject.toml"}
    assert packaged <= set(let_in)
    assert not any(fnmatch.fnmatch(name, rule) for name in (".env", ".git", "tests") for rule in let_in)

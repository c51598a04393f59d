from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.model_store.hub_server import COMMIT, HubServer, serving
from tests.engines.model_store.small_models import write_gguf, write_trocr
from transcription.engines.model_store import download as download_module
from transcription.engines.model_store.sources import LicenceUnsaid, Wanted, pull_addresses, pull_from_hub
from transcription.engines.model_store.store import ModelStore
from transcription.errors import PermanentError, ServiceUnavailable, WeightsError

CARD = {"license": "mit"}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubServer]:
    """A hub with one model as the hub has them: pickles, readmes and code beside what is wanted."""
    folder = write_trocr(tmp_path / "hub")
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    files |= {"pytorch_model.bin": b"PK\x03\x04", "modeling.py": b"import os", "onnx/config.json": b"{}"}
    with serving(HubServer(files, CARD)) as server:
        yield server


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_module.time, "sleep", lambda seconds: None)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


def pull(store: ModelStore, hub: HubServer, *, revision: str | None = None, **wanted: object) -> str:
    given = Wanted("small", **wanted)  # type: ignore[arg-type]
    return pull_from_hub(store, hub.hub_id, given, revision=revision, endpoint=hub.url).source


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_model_of_a_hub_is_pinned_to_its_commit_and_brings_neither_pickles_nor_code(
    store: ModelStore, hub: HubServer
) -> None:
    assert pull(store, hub, revision="main") == f"{hub.url}/{hub.hub_id}@{COMMIT}"
    manifest = store.manifest("small")
    assert (manifest.engine, manifest.licence) == ("trocr", "mit")
    assert sorted(manifest.files) == ["config.json", "merges.txt", "model.safetensors"]
    assert manifest.files["model.safetensors"].sha256 == sha256(hub.files["model.safetensors"])
    assert store.faults("small") == []
    assert not {path for path, _ in hub.requests if path.endswith((".bin", ".py", "onnx/config.json"))}
    assert sorted(path.name for path in (store.folder / ".incoming").iterdir()) == ["small.lock"]


def test_a_pull_that_was_killed_goes_on_where_it_stopped(
    store: ModelStore, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download_module, "TRIES", 1)
    hub.break_after = [10**9, 10**9, 60, 0]
    hub.files = {name: hub.files[name] for name in ("config.json", "merges.txt", "model.safetensors")}
    with pytest.raises(ServiceUnavailable, match="what came is kept"):
        pull(store, hub)
    assert store.names() == []
    before, hub.break_after = len(hub.requests), []
    pull(store, hub)
    again = hub.requests[before:]
    assert again[1:] == [(f"/{hub.hub_id}/resolve/{COMMIT}/model.safetensors", "bytes=60-")]
    assert hub.sent == sum(len(content) for content in hub.files.values()), "no byte came twice"


def test_a_connection_that_breaks_again_and_again_is_taken_up_while_bytes_come(
    store: ModelStore, hub: HubServer
) -> None:
    hub.break_after = [5] * 12
    pull(store, hub)
    assert store.faults("small") == []


def test_bytes_that_are_not_those_promised_are_thrown_away(store: ModelStore, hub: HubServer) -> None:
    hub.files = {"config.json": hub.files.pop("config.json")} | hub.files
    hub.lie = b"x" * len(hub.files["config.json"])
    with pytest.raises(WeightsError, match=r"config\.json came as git's"):
        pull(store, hub)
    hub.lie = b"x"
    with pytest.raises(WeightsError, match="came with 1 bytes"):
        pull(store, hub)
    assert store.names() == []
    hub.lie = None
    pull(store, hub)


def test_a_hub_says_what_is_wrong_in_a_sentence(store: ModelStore, hub: HubServer) -> None:
    with pytest.raises(PermanentError, match="no revision “v9”"):
        pull(store, hub, revision="v9")
    with pytest.raises(PermanentError, match="There is no model “archive/other”"):
        pull_from_hub(store, "archive/other", Wanted("x"), endpoint=hub.url)
    with pytest.raises(PermanentError, match="neither a hub's id"):
        pull_from_hub(store, "a/b/c", Wanted("x"), endpoint=hub.url)
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        pull_from_hub(store, "archive/small", Wanted("x"), endpoint="http://127.0.0.1:9")


def test_a_licence_that_nobody_says_stops_a_pull_before_its_gigabytes(store: ModelStore, hub: HubServer) -> None:
    hub.card = {"license": "other"}
    with pytest.raises(LicenceUnsaid):
        pull(store, hub)
    assert len(hub.requests) == 1
    hub.card = {"license": "other", "license_name": "archive-terms"}
    pull(store, hub)
    assert store.manifest("small").licence == "archive-terms"


def test_a_repository_of_pickles_only_is_refused(store: ModelStore, hub: HubServer) -> None:
    del hub.files["model.safetensors"]
    with pytest.raises(WeightsError, match="has no weights as safetensors or GGUF"):
        pull(store, hub)


def test_one_of_many_quantizations_must_be_named(store: ModelStore, hub: HubServer, tmp_path: Path) -> None:
    content = write_gguf(tmp_path / "g.gguf").read_bytes()
    projector = write_gguf(tmp_path / "p.gguf", arch="clip", template=None).read_bytes()
    hub.files = {"m-Q4.gguf": content, "m-Q8.gguf": content, "mmproj-f16.gguf": projector}
    with pytest.raises(WeightsError, match=r"m-Q4\.gguf, m-Q8\.gguf; name yours: --file"):
        pull(store, hub)
    pull(store, hub, files=("*Q8*", "mmproj*"))
    manifest = store.manifest("small")
    assert sorted(manifest.files) == ["m-Q8.gguf", "mmproj-f16.gguf"]
    assert manifest.engine == "llamacpp"


def test_addresses_become_a_model_when_their_digests_are_given(store: ModelStore, tmp_path: Path) -> None:
    content = write_gguf(tmp_path / "g.gguf").read_bytes()
    with serving(HubServer({"g.gguf": content})) as web:
        address = f"{web.url}/plain/g.gguf"
        with pytest.raises(WeightsError, match="comes unprotected; give the SHA-256"):
            pull_addresses(store, [address], Wanted("g"))
        with pytest.raises(WeightsError, match="came with the SHA-256"):
            pull_addresses(store, [address], Wanted("g", sha256={"g.gguf": "0" * 64}))
        web.break_after = [30]
        pinned = Wanted("g", sha256={"g.gguf": sha256(content)})
        manifest = pull_addresses(store, [address], pinned)
        assert (manifest.licence, manifest.source) == ("apache-2.0", address)
        with pytest.raises(PermanentError, match="the server answered 404"):
            pull_addresses(store, [f"{web.url}/plain/h.gguf"], Wanted("h", sha256={"h.gguf": "0" * 64}))


@pytest.mark.parametrize(
    "address", ["ftp://h/a.gguf", "https://me:secret@h/a.gguf", "https://h/a.bin", "https://h/", "https://h/.gguf"]
)
def test_addresses_of_nothing_that_is_taken_are_refused(address: str, store: ModelStore) -> None:
    with pytest.raises(WeightsError):
        pull_addresses(store, [address], Wanted("x"))


def test_a_file_that_changed_on_its_server_since_is_fetched_from_its_beginning(
    store: ModelStore, hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download_module, "TRIES", 1)
    old = write_gguf(tmp_path / "old.gguf", template="old").read_bytes()
    new = write_gguf(tmp_path / "new.gguf", template="new").read_bytes()
    wanted = Wanted("g", sha256={"g.gguf": sha256(new)})
    with serving(HubServer({"g.gguf": old}, break_after=[40, 0])) as web:
        address = f"{web.url}/plain/g.gguf"
        with pytest.raises(ServiceUnavailable):
            pull_addresses(store, [address], wanted)
        web.files["g.gguf"] = new
        pull_addresses(store, [address], wanted)
    assert store.faults("g") == []

"""Where models come from: a folder, addresses of files, a hub. Each ends in `ModelStore.take_in` or in nothing."""

from __future__ import annotations

import fnmatch
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx2
from huggingface_hub import HfApi, ModelInfo, get_token, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from transcription.engines.model_store.download import RemoteFile, download
from transcription.engines.model_store.inspection import is_taken
from transcription.engines.model_store.licences import licence_of_folder, licence_of_hub
from transcription.engines.model_store.manifest import EngineKind, Manifest, Reads, check_file_name
from transcription.engines.model_store.store import ModelStore, Origin, file_sha256
from transcription.errors import PermanentError, ServiceUnavailable, WeightsError

# What stands beside weights for people, and is not taken along.
FOR_PEOPLE = ("*.md", "LICENSE*", "LICENCE*", "NOTICE*", ".gitattributes", ".gitignore", ".git", ".cache", "*.jinja")


class LicenceUnsaid(WeightsError):
    code = "licence-unsaid"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person says of a model they bring; "" and None where they leave it to the model. ``files`` are patterns
    of names (all when empty), ``sha256`` what files must have."""

    name: str
    engine: EngineKind | None = None
    licence: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    reads: tuple[Reads, ...] = ()
    files: tuple[str, ...] = ()
    sha256: Mapping[str, str] = field(default_factory=dict)


def add_folder(store: ModelStore, folder: Path, wanted: Wanted) -> Manifest:
    """Copy a model from a folder of this machine.

    Raises WeightsError when it holds what no model may hold, or is here already, or has no licence.
    """
    if not folder.is_dir():
        raise WeightsError(f"{folder} is no folder.")
    entries = sorted(entry for entry in folder.rglob("*") if not _is_for_people(entry, folder))
    if links := [entry for entry in entries if entry.is_symlink() and not _stays_inside(entry, folder)]:
        raise WeightsError(f"{links[0]} is a link that leaves the folder; put the file itself there.")
    files = [entry for entry in entries if entry.is_file()]
    licence = wanted.licence or licence_of_folder(folder, files)
    source = str(folder.resolve())
    with store.incoming(wanted.name, f"{source} {os.getpid()}") as incoming:
        shutil.rmtree(incoming)
        incoming.mkdir()
        try:
            store.make_room(sum(path.stat().st_size for path in files))
            for path in files:
                target = incoming / path.relative_to(folder)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
            return _take_in(store, incoming, wanted, source, licence)
        except BaseException:
            shutil.rmtree(incoming, ignore_errors=True)
            raise


def pull_addresses(store: ModelStore, addresses: Sequence[str], wanted: Wanted) -> Manifest:
    """Fetch the files at these URLs as one model. An address without TLS must have its file's SHA-256 with it."""
    files = [_remote(address, wanted.sha256) for address in addresses]
    if len({file.name for file in files}) != len(files):
        raise WeightsError("Two of the addresses end in the same file name; a model's files have different ones.")
    return _pull(store, files, wanted, source=" ".join(addresses), licence=wanted.licence, headers={})


def pull_from_hub(
    store: ModelStore, hub_id: str, wanted: Wanted, *, revision: str | None = None, endpoint: str | None = None
) -> Manifest:
    """Fetch a model of a hub at one commit (``revision``: a branch, a tag or a commit; default: its main branch).

    Raises ServiceUnavailable when the hub does not answer, PermanentError when it will not give it.
    """
    api = HfApi(endpoint=endpoint)
    info = _ask(api, hub_id, revision)
    licence = wanted.licence or licence_of_hub(
        getattr(info.card_data, "license", None), getattr(info.card_data, "license_name", None), info.tags or ()
    )
    if not licence:
        raise _unsaid(wanted)  # before gigabytes come
    files = [_of_hub(each, hub_id, info, api.endpoint) for each in _chosen(info, wanted)]
    checked = [replace(file, sha256=wanted.sha256.get(file.name, file.sha256)) for file in files]
    source = f"{api.endpoint}/{hub_id}@{info.sha}".removeprefix("https://huggingface.co/")
    token = get_token()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return _pull(store, checked, wanted, source=source, licence=licence, headers=headers)


def _pull(
    store: ModelStore,
    files: Sequence[RemoteFile],
    wanted: Wanted,
    *,
    source: str,
    licence: str,
    headers: Mapping[str, str],
) -> Manifest:
    with store.incoming(wanted.name, source) as incoming:
        store.make_room(sum((file.size or 0) - _have(incoming / file.name) for file in files))
        for file in files:
            download(file, incoming, headers=headers, make_room=store.make_room)
        _keep_only({incoming / file.name for file in files}, incoming)
        try:
            return _take_in(store, incoming, wanted, source, licence or licence_of_folder(incoming, incoming.glob("*")))
        except WeightsError as error:
            if not isinstance(error, LicenceUnsaid):  # with --licence, what has come is taken at once
                shutil.rmtree(incoming, ignore_errors=True)
            raise


def _take_in(store: ModelStore, folder: Path, wanted: Wanted, source: str, licence: str) -> Manifest:
    if not licence:
        raise _unsaid(wanted)
    for name, expected in wanted.sha256.items():
        path = folder / name
        if not path.is_file():
            raise WeightsError(f"A SHA-256 was given for {name}, and the model has no such file.")
        if (found := file_sha256(path)) != expected:
            raise WeightsError(f"{name} has the SHA-256 {found}, not {expected} as was given.")
    return store.take_in(
        folder, Origin(wanted.name, wanted.engine, dict(wanted.options), wanted.reads, source, licence)
    )


def _unsaid(wanted: Wanted) -> LicenceUnsaid:
    return LicenceUnsaid(
        f"The licence of “{wanted.name}” is not said where it comes from; look it up and give it: --licence TEXT."
    )


def _remote(address: str, pinned: Mapping[str, str]) -> RemoteFile:
    parts = urlsplit(address)
    name = PurePosixPath(unquote(parts.path)).name
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise WeightsError(f"{address} is no address of a file on the web (https://…, without a name or password).")
    if not is_taken(name):
        raise WeightsError(f"{address} does not end in the name of a file that Longhand takes (safetensors, GGUF, …).")
    try:
        check_file_name(name)
    except ValueError as error:
        raise WeightsError(f"{error}.") from error
    if parts.scheme == "http" and name not in pinned:
        raise WeightsError(f"{address} comes unprotected; give the SHA-256 it must have: --sha256 {name}=HEX.")
    return RemoteFile(name, address, sha256=pinned.get(name))


def _ask(api: HfApi, hub_id: str, revision: str | None) -> ModelInfo:
    try:
        return api.model_info(hub_id, revision=revision, files_metadata=True, timeout=30.0)
    except GatedRepoError as error:
        raise PermanentError(
            f"“{hub_id}” is not for everybody: accept its terms at {api.endpoint}/{hub_id} and set HF_TOKEN."
        ) from error
    except RevisionNotFoundError as error:
        raise PermanentError(f"“{hub_id}” has no revision “{revision}” at {api.endpoint}.") from error
    except RepositoryNotFoundError as error:
        raise PermanentError(f"There is no model “{hub_id}” at {api.endpoint}, or HF_TOKEN may not see it.") from error
    except HFValidationError as error:
        raise PermanentError(f"“{hub_id}” is neither a hub's id (owner/name) nor an address.") from error
    except (HfHubHTTPError, httpx2.HTTPError, OSError) as error:
        raise ServiceUnavailable(f"{api.endpoint} does not answer ({error}); try again later.") from error


def _chosen(info: ModelInfo, wanted: Wanted) -> list[Any]:
    """The files of the repository to take: those named, else all of its topmost folder that a model may have."""
    offered = [each for each in info.siblings or () if is_taken(each.rfilename)]
    if wanted.files:
        chosen = [each for each in offered if any(fnmatch.fnmatch(each.rfilename, one) for one in wanted.files)]
    else:
        chosen = [each for each in offered if "/" not in each.rfilename]
        _refuse_a_choice(chosen)
    names = [each.rfilename for each in chosen]
    if not any(name.lower().endswith((".safetensors", ".gguf")) for name in names):
        among = f" among the files {', '.join(wanted.files)}" if wanted.files else ""
        raise WeightsError(
            f"{info.id} at {str(info.sha)[:12]} has no weights as safetensors or GGUF{among}; choose a --revision that "
            "has them, or convert it."
        )
    return chosen


def _refuse_a_choice(chosen: Sequence[Any]) -> None:
    """One model of a repository full of them must be named."""
    weights = [each.rfilename for each in chosen if each.rfilename.lower().endswith(".gguf")]
    for kind in ([name for name in weights if "mmproj" in name], [name for name in weights if "mmproj" not in name]):
        if len(kind) > 1:
            raise WeightsError(f"There is more than one to choose from: {', '.join(kind)}; name yours: --file NAME.")


def _of_hub(each: Any, hub_id: str, info: ModelInfo, endpoint: str) -> RemoteFile:
    try:
        check_file_name(each.rfilename)
    except ValueError as error:
        raise WeightsError(f"{error}.") from error
    url = hf_hub_url(hub_id, each.rfilename, revision=info.sha, endpoint=endpoint)
    if each.lfs is not None:
        return RemoteFile(each.rfilename, url, each.lfs.size, each.lfs.sha256)
    return RemoteFile(each.rfilename, url, each.size, git_sha1=each.blob_id)


def _have(target: Path) -> int:
    for path in (target, target.with_name(f"{target.name}.partial")):
        if path.exists():
            return path.stat().st_size
    return 0


def _keep_only(kept: set[Path], folder: Path) -> None:
    """Remove what an earlier try brought that is not wanted this time."""
    for path in folder.rglob("*"):
        if path.is_file() and path not in kept:
            path.unlink()


def _is_for_people(path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts
    return any(fnmatch.fnmatch(part, pattern) for part in parts for pattern in FOR_PEOPLE)


def _stays_inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())

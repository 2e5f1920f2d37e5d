"""Where an index keeps its passages: in Chroma's own files in a folder, or on a Chroma server (`chroma run`)."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from core.errors import DocumentError
from core.types import new_id

if TYPE_CHECKING:
    from chromadb.api import ClientAPI

COLLECTION = "passages"
STAMP = "stamp"
CONNECT_S, HEARTBEAT_S, ANSWER_S = 2.0, 5.0, 30.0
PAUSE_S = 1.0  # for which a server that failed is not asked again: a dead one must not cost every visitor CONNECT_S


class Place(Protocol):
    """Safe for threads. All of it raises DocumentError."""

    @property
    def empty(self) -> bool:
        """Whether nothing has ever been written, so that there is nothing to open."""
        ...

    @property
    def stamp(self) -> str:
        """Changes with `renew_stamp`, also another process's; empty before the first."""
        ...

    def renew_stamp(self) -> str: ...

    def connect(self) -> ClientAPI:
        """A client that sees what is stored now."""
        ...

    def failed(self, error: Exception) -> DocumentError:
        """What Chroma raised, in words for people."""
        ...


def place_of(folder: Path, url: str) -> Place:
    """A Chroma server when there is its address, else the folder."""
    return ServerPlace(url) if url else FolderPlace(folder)


class FolderPlace:
    """Chroma in this process, over files that other processes may open as well."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._client: ClientAPI | None = None

    @property
    def empty(self) -> bool:
        return not (self.folder / "chroma").exists()

    @property
    def stamp(self) -> str:
        try:
            return (self.folder / STAMP).read_text(encoding="ascii")
        except FileNotFoundError:
            return ""

    def renew_stamp(self) -> str:
        stamp, new = new_id(), self.folder / f"{STAMP}.new"
        new.write_text(stamp, encoding="ascii")
        new.replace(self.folder / STAMP)
        return stamp

    def connect(self) -> ClientAPI:
        """Anew each time: Chroma would go on searching the vectors it holds in memory (chroma-core/chroma#3792)."""
        import chromadb
        from chromadb.api.shared_system_client import SharedSystemClient

        old, self._client = self._client, None
        if old is not None:
            old.close()  # type: ignore[attr-defined]  # not in the protocol
        path = str(self.folder / "chroma")
        try:
            self._client = chromadb.PersistentClient(path, chromadb.Settings(anonymized_telemetry=False))
        except BaseException:
            # Chroma would hand out what did not start again and again, also when the cause has long gone.
            SharedSystemClient._identifier_to_system.pop(path, None)
            raise
        return self._client

    def failed(self, error: Exception) -> DocumentError:
        return DocumentError(
            f"The index in {self.folder} cannot be written or read ({type(error).__name__}: {error}); if there is room "
            "on its disk, remove that folder and index the documents again."
        )


class ServerPlace:
    """A Chroma server, which any number of processes ask. The stamp is kept with the passages themselves."""

    empty = False

    def __init__(self, url: str) -> None:
        self.url = url
        self._lock = threading.Lock()
        self._client: ClientAPI | None = None
        self._failed_at = -PAUSE_S

    @property
    def stamp(self) -> str:
        from chromadb.errors import NotFoundError

        try:
            return str((self._collection().metadata or {}).get(STAMP, ""))
        except NotFoundError:
            return ""
        except DocumentError:
            raise
        except Exception as error:
            raise self.failed(error) from error

    def renew_stamp(self) -> str:
        stamp = new_id()
        self._collection().modify(metadata={STAMP: stamp})
        return stamp

    def connect(self) -> ClientAPI:
        """The same client each time: what is in memory is the server's, and up to date."""
        import chromadb

        with self._lock:
            if time.monotonic() - self._failed_at < PAUSE_S:
                raise self._absent()
            if self._client is None:
                address = urlsplit(self.url)
                secure = address.scheme == "https"
                port = address.port or (443 if secure else 80)
                settings = chromadb.Settings(anonymized_telemetry=False)
                try:
                    self._check_answering()
                    self._client = chromadb.HttpClient(str(address.hostname), port, ssl=secure, settings=settings)
                except Exception as error:
                    raise self.failed(error) from error
                _limit_waiting(self._client)
            return self._client

    def _check_answering(self) -> None:
        """Making Chroma's client asks the server, without any limit. Raises httpx.TransportError."""
        import httpx

        timeout = httpx.Timeout(HEARTBEAT_S, connect=CONNECT_S)
        httpx.get(f"{self.url.rstrip('/')}/api/v2/heartbeat", timeout=timeout)

    def failed(self, error: Exception) -> DocumentError:
        import httpx

        # Chroma's client turns its first failure to connect into a ValueError.
        if isinstance(error, httpx.TransportError | ValueError):
            self._failed_at = time.monotonic()
            return self._absent()
        said = " ".join(str(error).split())[:200]
        return DocumentError(
            f"The index server {self.url} failed ({type(error).__name__}: {said}); ask again, look at its log, or "
            "check the setting `index`."
        )

    def _absent(self) -> DocumentError:
        return DocumentError(
            f"The index server {self.url} cannot be reached, so that no documents can be looked up; start it (`chroma "
            "run`) or check the setting `index`. Arms without documents go on."
        )

    def _collection(self) -> Any:
        return self.connect().get_collection(COLLECTION, embedding_function=None)


def _limit_waiting(client: Any) -> None:
    """Chroma's client waits for ever and has no setting for it."""
    import httpx

    client._server._session.timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)

"""What `launch.py model-server` does."""

from __future__ import annotations

import os
from collections.abc import Mapping

from core.errors import PortTaken, SettingsError
from core.ports import free_port, in_url
from core.serving import ServedModel
from core.settings import LOOPBACK, Settings

KEY = "DUODESK_MODEL_SERVER_KEY"


def run(model: ServedModel, settings: Settings, environ: Mapping[str, str] = os.environ) -> int:
    """Serves until it is told to end. Raises SettingsError, PortTaken, ModelError."""
    key = environ.get(KEY, "")
    if not key and settings.host not in LOOPBACK:
        raise SettingsError(
            f"The model server would listen on {settings.host} for anybody; set a key in the environment variable "
            f"{KEY}, and the same on the machines of the apps, or leave --host out."
        )
    if free_port(settings.host, settings.port) != settings.port:
        raise PortTaken(f"The port {settings.port} is taken; end what listens there, or choose another --port.")
    import uvicorn

    from app.model_server.site import build_site

    print("The model is loading …", flush=True)
    model.load()
    print(
        f"The model server is ready: http://{in_url(settings.host)}:{settings.port}/v1, model '{model.name}' "
        f"({'with a key' if key else 'no key'}; Ctrl+C ends it)",
        flush=True,
    )
    site = build_site(model, settings.slots + settings.queue, key)
    uvicorn.run(
        site,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
    return 0

"""Services of a compose file as Podman containers, with the file's rights, secrets and health checks."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from image_lib.podman import LIMITS


@dataclass
class Compose:
    """A compose file. `environment` and `mounts` replace what services would reach through its networks."""

    path: Path
    environment: dict[str, str]
    mounts: list[str]
    project: str

    def __post_init__(self) -> None:
        whole = yaml.safe_load(self.path.read_text())
        self.services: dict[str, dict[str, Any]] = whole["services"]
        self._secrets: dict[str, dict[str, str]] = whole["secrets"]

    def flags(self, name: str, **environment: str) -> list[str]:
        """The options of `podman run` for a service."""
        service = self.services[name]
        variables = {**service.get("environment", {}), **self.environment, **environment}
        return [
            "--network=host",
            *LIMITS,
            *(f"--ulimit={limit}={number}" for limit, number in service["ulimits"].items()),
            *(["--read-only"] if service.get("read_only") else []),
            *(["--init"] if service.get("init") else []),
            *(f"--tmpfs={path}" for path in service.get("tmpfs", [])),
            *(f"--cap-drop={capability}" for capability in service.get("cap_drop", [])),
            *(f"--security-opt={option}" for option in service.get("security_opt", [])),
            *(f"--group-add={group}" for group in service.get("group_add", [])),
            *(f"--env={key}={value}" for key, value in variables.items()),
            *(f"--volume={mount}" for mount in (*self._volumes(service), *self._secret_files(service), *self.mounts)),
            *self._health(service),
        ]

    def command(self, name: str) -> list[str]:
        return [str(word) for word in self.services[name].get("command", [])]

    def grace(self, name: str) -> int:
        """How many seconds the service may take to stop."""
        return int(str(self.services[name].get("stop_grace_period", "10s")).removesuffix("s"))

    def _volumes(self, service: dict[str, Any]) -> list[str]:
        folder = self.path.parent
        return [
            f"{folder / volume[2:]}" if volume.startswith("./") else f"{self.project}-{volume}"
            for volume in service.get("volumes", [])
            if not volume.startswith("$")
        ]

    def _secret_files(self, service: dict[str, Any]) -> list[str]:
        """Mounts as Docker Compose makes them: the file itself, with its owner and mode."""
        given = [one if isinstance(one, dict) else {"source": one} for one in service.get("secrets", [])]
        return [
            f"{self.path.parent / self._secrets[one['source']]['file']}"
            f":{one.get('target', '/run/secrets/' + one['source'])}:ro"
            for one in given
        ]

    @staticmethod
    def _health(service: dict[str, Any]) -> list[str]:
        test = service.get("healthcheck", {}).get("test")
        if not test:
            return []
        command = test[1] if test[0] == "CMD-SHELL" else json.dumps(test[1:])
        # The checks run it themselves: at intervals, Podman would need systemd, which is not everywhere.
        return [f"--health-cmd={command}", "--health-interval=disable"]

"""The embedded broker: kombu's folder of messages, with a message there whole or not at all.

kombu writes a message under the name by which it is found, so that a worker can take it half
written, fail to read it and end. Here it gets its name when it is complete, and is claimed by a
rename inside the broker's own folder, which only one of several workers can win.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from queue import Empty
from time import monotonic_ns
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps, loads


class Channel(filesystem.Channel):
    def _put(  # type: ignore[override]  # the stubs of its two ancestors differ
        self, queue: str, payload: Any, **kwargs: Any
    ) -> None:
        name = f"{monotonic_ns():020d}_{uuid.uuid4()}"
        folder = Path(self.data_folder_out)
        unnamed = folder / f"{name}.part"
        unnamed.write_text(dumps(payload))
        unnamed.rename(folder / f"{name}.{queue}.msg")

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        ending = f".{queue}.msg"
        for name in sorted(os.listdir(self.data_folder_in)):
            if not name.endswith(ending):
                continue
            claimed = Path(self.processed_folder) / name
            try:
                (Path(self.data_folder_in) / name).rename(claimed)
            except FileNotFoundError:  # another worker was faster
                continue
            text = claimed.read_text()
            claimed.unlink()
            return loads(text)
        raise Empty


class Transport(filesystem.Transport):
    Channel = Channel

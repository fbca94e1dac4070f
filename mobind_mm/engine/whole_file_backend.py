"""Files of MMEngine that are either whole or not there."""

from __future__ import annotations

from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from ..utils.files import replacing


class WholeFileBackend(LocalBackend):
    """Files of this machine that are whole or not there.

    Choose it with ``backend_args=dict(backend='whole_file')``.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes, replacing the file in one step."""
        with replacing(filepath, durable=True) as temporary:
            temporary.write_bytes(obj)

    def put_text(
        self, obj: str, filepath: str | Path, encoding: str = 'utf-8'
    ) -> None:
        """Write text, replacing the file in one step."""
        self.put(obj.encode(encoding), filepath)


register_backend('whole_file', WholeFileBackend, force=True)

"""Write the embeddings of all windows to a file."""

from __future__ import annotations

from pathlib import Path

from mmengine.logging import print_log

from ...registry import METRICS
from ..embedding_file import check_embedding_path, write_embeddings
from ..embedding_table import Table
from .embedding_metric import EmbeddingMetric


@METRICS.register_module()
class DumpEmbeddings(EmbeddingMetric):
    """Write embeddings, masks, labels and ids of all windows, with roles.

    ``tools/analysis_tools/eval_embeddings.py`` evaluates the file.

    Args:
        out: File to write, see :mod:`mobind_mm.evaluation.embedding_file`.
        tokens: Write the tokens, too, in float16.
        collect_device: Device on which processes gather results.
        prefix: Prefix of the keys.

    Raises:
        ValueError: If ``out`` does not end in ``.safetensors``.
    """

    default_prefix = 'embeddings'

    def __init__(
        self,
        out: str | Path,
        tokens: bool = False,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(None, tokens, collect_device, prefix)
        del self.dump  # it has no results of single windows
        self.out = check_embedding_path(out)

    def evaluate_table(self, table: Table) -> dict[str, float]:
        """Write the file; the only value is the number of windows."""
        classes = (self.dataset_meta or {}).get('classes', ())
        write_embeddings(self.out, table, classes)
        print_log(f'Embeddings written to {self.out}.', logger='current')
        return {'num_windows': len(table['role'])}

"""How fast everything is, against computing as the published recipe does.

``tools/analysis_tools/benchmark.py`` runs the parts; each is a function of
:class:`Settings` that returns plain numbers.
"""

from benchmarking.loading import measure_loading
from benchmarking.precision import measure_precision
from benchmarking.retrieval import measure_retrieval
from benchmarking.scaling import measure_scaling
from benchmarking.settings import Settings
from benchmarking.step import measure_inference, measure_step
from benchmarking.sync import measure_sync

PARTS = {
    'loading': measure_loading,
    'precision': measure_precision,
    'step': measure_step,
    'inference': measure_inference,
    'sync': measure_sync,
    'retrieval': measure_retrieval,
    'scaling': measure_scaling,
}
"""What can be measured, by name."""

__all__ = ['PARTS', 'Settings']

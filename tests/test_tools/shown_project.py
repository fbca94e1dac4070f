"""A metric with single results and a picture, for tests of test.py."""

import tiny_project  # noqa: F401
from mmengine.evaluator import BaseMetric

from mobind_mm.evaluation.metrics.embedding_metric import write_cases
from mobind_mm.registry import METRICS


@METRICS.register_module()
class ShownMetric(BaseMetric):
    default_prefix = 'shown'
    dump = None

    def process(self, data_batch, data_samples):
        self.results += [sample['x'] for sample in data_samples]

    def compute_metrics(self, results):
        self.values = results
        if self.dump is not None:
            rows = [{'x': x} for x in results]
            write_cases(self.dump, rows, lambda row: row['x'])
        return {'sum': sum(results), 'num_numbers': len(results)}

    def pictures(self):
        curve = dict(kind='sync_curve', log_posterior=self.values)
        return {'a/curve': dict(curve, offsets=range(len(self.values)))}

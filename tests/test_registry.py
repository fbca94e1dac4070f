import json

import mmengine.registry
import pytest
from mmengine.registry import Registry
from programs import python

import mobind_mm.registry

ROOTS = {
    name: value
    for name, value in vars(mmengine.registry).items()
    if isinstance(value, Registry)
}


@pytest.mark.parametrize('name', sorted(ROOTS))
def test_every_root_has_a_child(name):
    child = getattr(mobind_mm.registry, name)
    assert child.parent is ROOTS[name]
    assert child.scope == 'mobind_mm'
    assert child.name == ROOTS[name].name


_BUILD = """
import json
import mmengine.registry as roots

roots.init_default_scope('mobind_mm')
model = roots.MODELS.build(dict(
    type='ConvFormer', in_channels=7, rate=50, window_sec=5.0))
found = {'ConvFormer': type(model).__module__}
# No scope given: MMEngine takes the default scope, as when it builds.
for root, name in (
    (roots.DATASETS, 'UTDMHADDataset'),
    (roots.METRICS, 'RetrievalMetric'),
    (roots.HOOKS, 'IterTimerHook'),
):
    with root.switch_scope_and_registry(None) as registry:
        found[name] = registry.get(name).__module__
for root in vars(roots).values():
    if isinstance(root, roots.Registry):
        with root.switch_scope_and_registry(None) as registry:
            assert registry.scope == 'mobind_mm', root
            assert registry.get('NoSuchThing') is None, root
print(json.dumps(found))
"""


def test_default_scope_alone_finds_everything():
    """Without ``custom_imports``, and without a warning."""
    process = python('-c', _BUILD)
    found = json.loads(process.stdout.splitlines()[-1])
    assert found.pop('IterTimerHook').startswith('mmengine.')
    assert all(module.startswith('mobind_mm.') for module in found.values())
    output = (process.stdout + process.stderr).lower()
    assert 'warn' not in output and 'fail' not in output, output

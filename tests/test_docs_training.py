"""What docs/training.md shows works, and names what is there."""

import re
from pathlib import Path

import torch
from mmengine.config import Config

from mobind_mm.utils.model_index import load_models

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / 'docs/training.md').read_text()


def blocks(language):
    return re.findall(rf'```{language}\n(.*?)```', PAGE, re.DOTALL)


def test_model_at_once():
    torch.manual_seed(0)
    names = {}
    exec(blocks('python')[0], names)
    similarity = names['similarity']
    assert similarity.shape == (8, 8)
    imu, pose = names['embeddings']['imu'], names['embeddings']['pose']
    expected = (imu @ pose.T) / imu.norm(dim=1)[:, None] / pose.norm(dim=1)
    torch.testing.assert_close(similarity, expected)


def test_own_config(tmp_path):
    code = blocks('python')[1]
    path = tmp_path / 'mine.py'
    # The checkout may not be installed.
    path.write_text(code.replace('mobind_mm::', f'{ROOT}/configs/'))
    assert Config.fromfile(path).train_cfg.max_epochs == 24
    assert 'work_dirs/mine/epoch_24.pth' in PAGE


def test_files_that_are_named_exist():
    shell = ''.join(blocks('bash'))
    for name in re.findall(r'(?:tools|configs)/[\w/]+\.py', shell):
        assert (ROOT / name).is_file(), name
    shipped = [m.entry.get('Weights') for m in load_models(ROOT)]
    assert re.search(r'mobind_mm/checkpoints/\S+\.pth', shell)[0] in shipped

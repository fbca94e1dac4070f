import pytest
import torch
from torch import nn

from mobind_mm.utils.checkpoint import (
    check_checkpoint,
    check_resumable,
    check_state_dict,
    read_checkpoint,
    save_checkpoint,
)


@pytest.fixture
def model():
    return nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4))


def state_of(model, **changes):
    return {**model.state_dict(), **changes}


def test_own_weights_fit(model):
    check_state_dict(model, state_of(model), 'file')
    wrapped = {f'module.{k}': v for k, v in state_of(model).items()}
    check_state_dict(model, wrapped, 'file')
    mean = {'data_preprocessor.mean': torch.ones(3)}
    check_state_dict(model, state_of(model, **mean), 'file')


def test_every_kind_of_mismatch_is_named(model):
    state = state_of(model, extra=torch.ones(1))
    state['0.weight'] = torch.ones(5, 2)
    del state['1.bias']
    with pytest.raises(ValueError) as caught:
        check_state_dict(model, state, 'some.pth')
    message = str(caught.value)
    assert 'some.pth' in message and '\n' not in message
    assert '0.weight has shape (5, 2) in the file and (3, 2)' in message
    assert '1.bias is missing' in message
    assert 'extra is not in the model' in message


def test_only_the_first_mismatches_are_named(model):
    with pytest.raises(ValueError, match=r'0\.weight.*and 1 more') as caught:
        check_state_dict(model, {}, 'some.pth')
    assert '1.bias' not in str(caught.value)


def test_partial_weights(model):
    part = {'0.weight': torch.ones(3, 2), 'extra': torch.ones(1)}
    check_state_dict(model, part, 'file', partial=True)
    with pytest.raises(ValueError, match=r'\(5, 2\) in the file'):
        wrong = {'0.weight': torch.ones(5, 2)}
        check_state_dict(model, wrong, 'file', partial=True)
    with pytest.raises(ValueError, match='is missing'):
        nothing = {'extra': torch.ones(1)}
        check_state_dict(model, nothing, 'file', partial=True)


def test_files(model, tmp_path):
    path = tmp_path / 'new' / 'weights.pth'
    save_checkpoint({'state_dict': state_of(model)}, path)
    assert [p.name for p in path.parent.iterdir()] == ['weights.pth']
    check_checkpoint(model, str(path))
    with pytest.raises(FileNotFoundError, match=r'gone\.pth'):
        read_checkpoint(str(tmp_path / 'gone.pth'))
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match=r'weights\.pth cannot be read'):
        read_checkpoint(str(path))
    torch.save([1, 2], path)
    with pytest.raises(ValueError, match='holds a list'):
        read_checkpoint(str(path))


def test_resuming_needs_state_and_executes_nothing(model, tmp_path):
    path, mark = tmp_path / 'run.pth', tmp_path / 'executed'
    content = {
        'state_dict': state_of(model),
        'optimizer': {},
        'message_hub': {},
        'meta': {'config': 'a = dict(b=[1, (2, None)])\n'},
    }
    torch.save(content, path)
    check_resumable(model, str(path))

    # MMEngine would run this text.
    content['meta'] = {'config': f'a = open({str(mark)!r}, "w")'}
    torch.save(content, path)
    with pytest.raises(ValueError, match=r'run\.pth is not plain data'):
        check_resumable(model, str(path))
    assert not mark.exists()

    torch.save({'state_dict': state_of(model)}, path)
    with pytest.raises(ValueError, match=r'no meta, optimizer.*--load-from'):
        check_resumable(model, str(path))

"""Write a model as a graph that runs without this package."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from mmengine.config import Config
from torch import nn

from ..models.limb_model import MODALITIES, LimbModel
from ..recordings.schema import IMU_CHANNELS
from ..registry import TRANSFORMS
from ..skeleton import get_limb
from ..utils.files import replacing
from ..version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

Tensors = dict[str, torch.Tensor]

FORMATS = {'.onnx': 'onnx', '.pt2': 'torch'}
"""Format by the end of a file's name."""
PARTS = ('model', *MODALITIES)
_MOST_CLIPS = 65535
_UNITS = {'acc': 'm/s^2', 'gyro': 'rad/s', 'quat': '1', 'mag': 'uT'}
_AXES = {3: 'xyz', 4: 'wxyz'}
_OUTPUTS = {
    'imu': 'imu_embedding',
    'imu_local': 'imu_local',
    'imu_tokens': 'imu_tokens',
    'pose': 'pose_embedding',
    'pose_local': 'pose_local',
    'pose_tokens': 'pose_tokens',
    'pose_mask': 'pose_limb_mask',
    'pose_token_mask': 'pose_token_mask',
}
"""Outputs of a graph by the feature that they hold."""


@dataclass(frozen=True)
class Exported:
    """A model that was written.

    Args:
        file: Where it is.
        inputs: Shape of each input; axes of any size are named.
        outputs: Names of the outputs.
        metadata: What the file says about its model.
        difference: Greatest difference to the outputs of the model itself
            on random clips, some with missing limbs and frames; None where
            nothing is installed that runs the file.
    """

    file: Path
    inputs: dict[str, tuple[int | str, ...]]
    outputs: tuple[str, ...]
    metadata: dict[str, Any]
    difference: float | None


class Graph(nn.Module):
    """A :class:`LimbModel` whose inputs and outputs are tensors with names."""

    def __init__(self, model: LimbModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        imu: torch.Tensor | None = None,
        imu_mask: torch.Tensor | None = None,
        imu_placed: torch.Tensor | None = None,
        pose: torch.Tensor | None = None,
        pose_mask: torch.Tensor | None = None,
    ) -> Tensors:
        """Named outputs; see :meth:`LimbModel.forward` for the inputs."""
        given = dict(
            imu=imu,
            imu_mask=imu_mask,
            imu_placed=imu_placed,
            pose=pose,
            pose_mask=pose_mask,
        )
        feats: Any = self.model(
            {name: x for name, x in given.items() if x is not None}
        )
        if isinstance(feats, torch.Tensor):
            return {'scores': feats.softmax(dim=1)}
        return {
            name: feats[key].clone()  # an output is nobody else's tensor
            for key, name in _OUTPUTS.items()
            if key in feats
        }


def export_model(
    model: nn.Module,
    file: str | Path,
    format: str | None = None,
    part: str = 'model',
    name: str = '',
) -> Exported:
    """Write a model, or one of its encoders, with all that it needs.

    The batch may have any size. The window may have any number of tokens
    up to the one of the training, if the encoders take that (``positions=
    'relative'``). Masks are inputs: a limb or a frame that is masked has no
    influence.

    Args:
        model: What :func:`init_model` returns: a :class:`MoBind` or a
            :class:`MoBindClassifier`.
        file: ``.onnx``, or ``.pt2`` for :func:`torch.export.load`.
        format: ``onnx`` or ``torch``, if the file's name does not say it.
        part: ``model``; or ``imu`` or ``pose``, the encoder of one modality
            with its neck, if only that is there when the file is used.
        name: What to call the model in the file.

    Raises:
        ImportError: If ``onnx`` or ``onnxscript`` is missing.
        ValueError: If the model or its part cannot be exported, or the
            format is unknown.
    """
    file = Path(file)
    format = check_export(file, format)
    modalities = _modalities(model, part)
    assert isinstance(model, LimbModel)
    graph = Graph(model.eval())
    device = next(model.parameters()).device
    inputs = example_inputs(model, modalities, clips=3, device=device)
    shapes = _dynamic_shapes(model, inputs)
    with torch.no_grad(), _quiet():
        expected = graph(**inputs)
        program = torch.export.export(
            graph, (), inputs, dynamic_shapes=shapes, strict=False
        )
    metadata = describe(model, modalities, name)
    metadata['inputs'] = {
        key: [
            getattr(shapes[key].get(axis), '__name__', str(size))
            for axis, size in enumerate(x.shape)
        ]
        for key, x in inputs.items()
    }
    with replacing(file) as temporary:
        if format == 'torch':
            about = {'mobind_mm.json': json.dumps(metadata, indent=1)}
            content = io.BytesIO()  # PyTorch aborts if the disk is full
            torch.export.save(program, content, extra_files=about)
            temporary.write_bytes(content.getbuffer())
        else:
            _save_onnx(program, temporary, list(expected), metadata)
    return Exported(
        file,
        {key: tuple(axes) for key, axes in metadata['inputs'].items()},
        tuple(expected),
        metadata,
        _difference(graph, file, modalities),
    )


def run_exported(file: str | Path, inputs: Tensors) -> Tensors:
    """Outputs of an exported file, on the CPU.

    PyTorch does not promise that a ``.pt2`` file of others is safe to load.

    Raises:
        ImportError: If it is ONNX and ``onnxruntime`` is missing.
    """
    if _format(Path(file), None) == 'torch':
        program = torch.export.load(str(file))
        with torch.no_grad():
            return dict(program.module()(**inputs))
    _require('onnxruntime')
    import onnxruntime

    session = onnxruntime.InferenceSession(
        str(file), providers=['CPUExecutionProvider']
    )
    names = [output.name for output in session.get_outputs()]
    arrays = {key: x.cpu().numpy() for key, x in inputs.items()}
    outputs = session.run(names, arrays)
    return {key: torch.from_numpy(x) for key, x in zip(names, outputs)}


def example_inputs(
    model: LimbModel,
    modalities: Sequence[str],
    clips: int,
    tokens: int | None = None,
    device: torch.device | str = 'cpu',
) -> Tensors:
    """Random clips with gaps: limbs, frames and channels are missing.

    They have ``tokens`` tokens, by default as in training.
    """
    draw = torch.Generator().manual_seed(clips)
    limbs = _num_limbs(model)
    inputs: Tensors = {}
    for name in modalities:
        backbone = getattr(model, f'{name}_backbone')
        patch = backbone.num_samples // backbone.num_tokens
        length = patch * (tokens or backbone.num_tokens)
        shape = (clips, limbs, _rows(model, name), length)
        x = torch.randn(shape, generator=draw)
        if name == 'imu':
            mask = torch.rand(clips, limbs, generator=draw) > 0.3
            if hasattr(model.imu_tokenizer, 'prepare'):
                _hide_channels(x, draw)
            if _places(model):
                placed = torch.rand(clips, limbs, generator=draw) > 0.3
                inputs['imu_placed'] = placed
        else:
            seen = torch.rand(clips, limbs, 1, generator=draw) > 0.2
            mask = seen & (
                torch.rand(clips, limbs, length, generator=draw) > 0.2
            )
        mask[0] = True  # and one of which nothing is missing
        inputs.update({name: x, f'{name}_mask': mask})
    return {name: x.to(device) for name, x in inputs.items()}


def _hide_channels(x: torch.Tensor, draw: torch.Generator) -> None:
    """Rows acc, gyro, quat, gravity, of sensors that lack some of them.

    The first one does not move, and shows its orientation alone.
    """
    lacks = torch.rand(3, *x.shape[:2], 1, 1, generator=draw) < 0.5
    for lack, rows in zip(lacks, (slice(3, 6), slice(6, 10))):
        x[:, :, rows] *= ~lack
    x[:, :, 10:] = lacks[2].to(x.dtype)
    still = [0.0, 0.0, 9.8, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    x[0, 0] = x.new_tensor(still)[:, None]  # no turn, in whatever step


def describe(
    model: nn.Module, modalities: Sequence[str], name: str = ''
) -> dict[str, Any]:
    """What somebody has to know who uses an exported model."""
    assert isinstance(model, LimbModel)
    steps = _pipeline(getattr(model, 'cfg', None))
    pack = steps[-1] if steps else {}
    first = getattr(model, f'{modalities[0]}_backbone')
    facts: dict[str, Any] = {
        'producer': 'mobind_mm',
        'version': __version__,
        'model': name or type(model).__name__,
        'type': type(model).__name__,
        'modalities': list(modalities),
        'limbs': list(model.limbs or pack.get('placements', ())),
        'window_sec': first.num_samples / first.rate,
        'tokens_per_window': first.num_tokens,
        'embed_dims': first.embed_dims,
    }
    if 'imu' in modalities:
        facts['imu_rate'] = model.imu_backbone.rate
        facts['imu_rows'] = _imu_rows(pack)
    if 'pose' in modalities:
        layout = pack.get('limb_layout') or 'coco'
        facts['pose_rate'] = model.pose_backbone.rate
        facts['pose_rows'] = ['x0', 'x1', 'x2', 'y0', 'y1', 'y2']
        facts['pose_keypoints'] = {
            limb: list(get_limb(limb).seen_by(layout).keypoints)
            for limb in facts['limbs']
        }
    facts['preparation'] = steps
    meta = getattr(model, 'dataset_meta', None) or {}
    if hasattr(model, 'num_classes'):
        facts['classes'] = list(meta.get('classes') or ())
    return facts


def _imu_rows(pack: Mapping) -> list[str]:
    """Rows of an IMU with their units: ``acc_x [m/s^2]``."""
    rows = [
        f'{channel}_{axis} [{_UNITS[channel]}]'
        for key in ('imu_channels', 'optional_channels')
        for channel in pack.get(key) or ()
        for axis in _AXES[IMU_CHANNELS[channel]]
    ]
    if pack.get('optional_channels'):
        rows.append('1 if acc includes gravity, else 0')
    return rows


def _pipeline(cfg: Config | None) -> list[dict]:
    """The test pipeline of a config as plain data; the last step packs."""
    from .windows import query_data

    leaf = None if cfg is None else query_data(cfg)
    if leaf is None:
        return []
    steps = json.loads(json.dumps([dict(step) for step in leaf['pipeline']]))
    if 'imu_channels' not in steps[-1]:
        pack = TRANSFORMS.build(dict(steps[-1]))
        steps[-1]['imu_channels'] = list(pack.imu_channels)
    return steps


def check_export(file: str | Path, format: str | None = None) -> str:
    """The format of a file, before any work.

    Raises:
        ImportError: If a package that the format needs is missing.
        ValueError: If the format is unknown.
    """
    format = _format(Path(file), format)
    if format == 'onnx':
        _require('onnx', 'onnxscript')
    return format


def _format(file: Path, format: str | None) -> str:
    chosen = format or FORMATS.get(file.suffix)
    if chosen is None or chosen not in FORMATS.values():
        raise ValueError(
            f'{file}: the format is not clear; call the file NAME.onnx or '
            'NAME.pt2, or give the format, onnx or torch.'
        )
    return chosen


def _require(*names: str) -> None:
    """Look for packages of the extra ``onnx``."""
    for name in names:
        if find_spec(name) is None:
            raise ImportError(
                f'ONNX files need {name}, which is not installed: '
                "pip install 'mobind_mm[onnx]'."
            )


def _modalities(model: nn.Module, part: str) -> tuple[str, ...]:
    """The modalities of a part.

    Raises:
        ValueError: If the model cannot be exported, or lacks the part.
    """
    kind = type(model).__name__
    if not isinstance(model, LimbModel):
        raise ValueError(
            f'A {kind} cannot be exported; give a MoBind or a '
            'MoBindClassifier. For recognisers of MMAction2, use MMDeploy.'
        )
    there = [m for m in MODALITIES if getattr(model, f'{m}_backbone')]
    wanted = there if part == 'model' else [part]
    if part not in PARTS or not set(wanted) <= set(there):
        raise ValueError(
            f'part={part!r}: this {kind} has {", ".join(("model", *there))}.'
        )
    if wanted != there and hasattr(model, 'num_classes'):
        raise ValueError(
            f'part={part!r}: a {kind} is exported as a whole; a modality '
            'whose masks are all false has no influence.'
        )
    return tuple(wanted)


def _num_limbs(model: LimbModel) -> int:
    neck = getattr(model, 'imu_neck', None)
    count = len(model.limbs) or getattr(neck, 'num_limbs', 0)
    if not count:
        raise ValueError(
            'The model does not say how many limbs it has; set limbs in its '
            'config.'
        )
    return int(count)


def _rows(model: LimbModel, name: str) -> int:
    """Rows of the streams that the model takes."""
    tokenizer = getattr(model, f'{name}_tokenizer')
    if tokenizer is None:
        return int(getattr(model, f'{name}_backbone').in_channels)
    return 6 if name == 'pose' else int(tokenizer.in_channels)


def _places(model: nn.Module) -> bool:
    """Whether the model can be told that a placement is unknown."""
    neck = getattr(model, 'imu_neck', None)
    return neck is not None and hasattr(neck, 'place')


def _dynamic_shapes(model: LimbModel, inputs: Tensors) -> dict[str, dict]:
    """Axes of any size, by input and number."""
    clips = torch.export.Dim('batch', min=1, max=_MOST_CLIPS)
    backbones = {
        name: getattr(model, f'{name}_backbone')
        for name in MODALITIES
        if name in inputs
    }
    shapes: dict[str, dict] = {key: {0: clips} for key in inputs}
    counts = {backbone.num_tokens for backbone in backbones.values()}
    able = all(getattr(b, 'any_length', False) for b in backbones.values())
    most = min(counts)
    least = max(getattr(b, 'num_segments', 1) for b in backbones.values())
    if able and len(counts) == 1 and max(least, 2) < most:
        tokens = torch.export.Dim('tokens', min=max(least, 2), max=most)
        for name, backbone in backbones.items():
            length = backbone.num_samples // most * tokens
            shapes[name][3] = length
            if name == 'pose':
                shapes['pose_mask'][2] = length
    return shapes


def _save_onnx(
    program: Any,
    file: Path,
    outputs: Sequence[str],
    metadata: Mapping[str, Any],
) -> None:
    """Convert a program to ONNX, in one file."""
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass
    from onnxscript import optimizer

    with _quiet():
        onnx_program: Any = torch.onnx.export(
            program,
            dynamo=True,
            external_data=False,
            output_names=list(outputs),
            verbose=False,
            optimize=False,  # it drops what is added if it is below 1e-8
        )
    graph = onnx_program.model
    optimizer.inline(graph)
    optimizer.fold_constants(graph)
    optimizer.remove_unused_nodes(graph)
    # Nodes name the files that they come from, on the exporter's machine.
    ClearMetadataAndDocStringPass()(graph)
    graph.metadata_props.update(
        {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in metadata.items()
        }
    )
    onnx_program.save(str(file), external_data=False)


def _difference(
    graph: Graph, file: Path, modalities: Sequence[str]
) -> float | None:
    """Greatest difference of a written file to the model, on the CPU."""
    graph = graph.cpu()
    worst = 0.0
    for clips in (1, 5):
        inputs = example_inputs(graph.model, modalities, clips)
        with torch.no_grad():
            expected = graph(**inputs)
        try:
            outputs = run_exported(file, inputs)
        except ImportError:
            return None
        for key, value in expected.items():
            gap = (outputs[key].float() - value.float()).abs().max()
            worst = max(worst, float(gap))
    return worst


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what PyTorch's exporters say to their own developers."""
    log = logging.getLogger('torch.onnx')
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        log.setLevel(level)

"""Examples at the end of the ``--help`` of each subcommand."""

from __future__ import annotations

from textwrap import indent

_ANNA = (
    '--imu anna/imu.csv --mapping anna/imu.yml \\\n'
    '    --pose anna/pose.json --fps 29.97 --img-shape 1080 1920'
)

EXAMPLES = {
    'sync': f"""\
mobind sync --imu FILE --placement right_wrist --video take.mp4 --preview
mobind example anna                           # nothing at hand? Simulate it
mobind sync {_ANNA}
mobind sync --study DIR --out-dir study_sync --workers 4     # many at once""",
    'align': """\
mobind align --imu export.zip --placement right_wrist --video take.mp4 \\
    --sync sync/sync.json --to csv,elan""",
    'app': """\
mobind app
mobind app --study study_sync           # results of mobind sync --study""",
    'live': """\
mobind live --list
mobind live --imu watch --placement right_wrist --pose camera""",
    'localize': f"""\
mobind example anna
mobind localize {_ANNA} \\
    --offset 3.217""",
    'retrieve': """\
mobind retrieve --imu anna/imu.csv --mapping anna/imu.yml \\
    --gallery anna/pose.json ben/pose.json --fps 29.97 \\
    --img-shape 1080 1920""",
    'recognize': """\
mobind example --labelled known                # what actions look like
mobind recognize --imu anna/imu.csv --mapping anna/imu.yml --gallery known""",
    'pose': """\
mobind pose take.mp4
mobind pose videos --out poses""",
    'convert tables': """\
mobind convert tables study/study.yml --out data/study --workers 2""",
    'convert totalcapture': """\
mobind convert totalcapture SRC --out data/totalcapture --cameras 1 3""",
    'convert mri': """\
mobind convert mri SRC --out data/mri --img-shape 1080 1920""",
    'convert egohumans': """\
mobind convert egohumans SRC --out data/egohumans --smpl MODEL""",
    'convert utd_mhad': """\
mobind convert utd_mhad SRC --out data/utd_mhad""",
    'inspect': """\
mobind inspect export.zip
mobind inspect table.csv --write-mapping table.yml""",
    'check': """\
mobind check data/study --show-dir pictures""",
    'example': """\
mobind example anna
mobind example demo --video --seconds 20""",
    'study': """\
mobind study --out study                       # to try docs/own_data.md
mobind study --mixed 6 --out mixed             # to try mobind sync --study""",
    'train': """\
mobind train configs/mobind/synthetic.py
mobind train mine.py --resume --cfg-options train_cfg.max_epochs=24""",
    'test': """\
mobind test configs/mobind/synthetic.py work_dirs/synthetic/epoch_12.pth \\
    --tasks retrieval sync --out results.json --show-dir pictures""",
    'eval': """\
mobind test CONFIG CHECKPOINT --dump-embeddings windows.safetensors \\
    --dump-tokens
mobind eval windows.safetensors --similarity tokens --rerank 10""",
    'index build': """\
mobind index build archive windows.safetensors""",
    'index add': """\
mobind index add archive more.safetensors""",
    'index train': """\
mobind index train archive""",
    'index search': """\
mobind index search archive --imu export.zip --placement right_wrist""",
    'models': """\
mobind models""",
    'export': """\
mobind export --out mobind.onnx
mobind export work_dirs/mine/epoch_24.pth --out mine.pt2 --part imu""",
    'import-weights': """\
mobind import-weights released.pt mobind.pth""",
}
"""By the words after ``mobind``."""


def example_text(words: str) -> str:
    """What stands below the flags.

    >>> example_text('models').splitlines()
    ['example:', '  mobind models']
    """
    text = EXAMPLES.get(words, '')
    if not text:
        return ''
    commands = text.count('\nmobind') + 1
    return f'example{"s" * (commands > 1)}:\n{indent(text, "  ")}'

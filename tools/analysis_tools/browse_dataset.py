"""Draw the skeletons and sensors that a config's dataset gives.

MMAction2's tool of that name shows frames of videos, which our windows do not
have.

    python tools/analysis_tools/browse_dataset.py configs/mobind/synthetic.py \
        pictures -n 4
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope

from mobind_mm.cli.arguments import flags
from mobind_mm.cli.config import set_data_root
from mobind_mm.registry import DATASETS
from mobind_mm.utils.cli import run_command
from mobind_mm.utils.model_index import find_config
from mobind_mm.visualization import MoBindVisualizer, scene_frames
from mobind_mm.visualization.figures import write_image


def main() -> None:
    """Write one picture per scene."""
    parser = ArgumentParser(description=(__doc__ or '').partition('\n')[0])
    flag = flags(parser)
    flag('config', 'file or name of a config')
    flag('output_dir', 'directory of the pictures')
    flag('--phase -p', '', choices=('train', 'val', 'test'), default='train')
    flag('--show-number -n N', '', default=8)
    flag('--data-root DIR', 'directory of the data')
    flag('--cfg-options', '', nargs='+', action=DictAction)
    args = parser.parse_args()
    cfg = Config.fromfile(str(find_config(args.config)))
    if args.cfg_options:
        cfg.merge_from_dict(args.cfg_options)
    if args.data_root:
        set_data_root(cfg, args.data_root)
    init_default_scope(cfg.get('default_scope', 'mobind_mm'))
    dataset = DATASETS.build(cfg[f'{args.phase}_dataloader'].dataset)
    frames = scene_frames(dataset, args.show_number)
    for name, frame in frames.items():
        image = MoBindVisualizer.draw_picture(dict(kind='skeleton', **frame))
        safe = ''.join(c if c.isalnum() or c in '.-_' else '_' for c in name)
        write_image(Path(args.output_dir, f'{safe}.png'), image)
    print(
        f'{len(frames)} pictures of {len(dataset)} windows in '
        f'{args.output_dir}'
    )


if __name__ == '__main__':
    run_command(main)

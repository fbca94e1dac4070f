"""Convert the authors' released weights to an OpenMMLab checkpoint."""

import argparse

from mobind_mm.apis import convert_official
from mobind_mm.utils.checkpoint import save_checkpoint
from mobind_mm.utils.cli import run_command


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('src', metavar='IN', help='.pt state dict or .npz')
    parser.add_argument('dst', metavar='OUT', help='checkpoint to write')
    parser.add_argument(
        '--num-heads',
        type=int,
        help='attention heads, which a state dict does not tell '
        '(default: the published 8)',
    )
    return parser.parse_args()


def main() -> None:
    """Run the conversion."""
    args = parse_args()
    checkpoint = convert_official(args.src, args.num_heads)
    save_checkpoint(checkpoint, args.dst)
    print(f'Wrote {args.dst}: {len(checkpoint["state_dict"])} tensors.')


if __name__ == '__main__':
    run_command(main)

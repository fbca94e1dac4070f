"""Estimate poses in videos with MMPose: ``mobind pose``."""

from mobind_mm.cli import main

if __name__ == '__main__':
    main('pose')

"""A limb of somebody else: nothing of the package is edited for it."""

from mobind_mm.skeleton import Limb, register_limb

for side in ('left', 'right'):
    joints = (f'{side}_hip', f'{side}_shoulder', f'{side}_elbow')
    register_limb(Limb(f'{side}_shoulder_blade', joints))

"""Small data sets of synthetic people, in the recording format."""

from mobind_mm.datasets import SyntheticMotionDataset
from mobind_mm.recordings import (
    SensorStream,
    write_annotations,
    write_imu,
    write_pose,
)


def write_recordings(root, dataset_class, placement=None, rename=None):
    """Synthetic people, written the way a converter of the data set does.

    Args:
        root: Directory of the data set.
        dataset_class: Names the data set and its classes.
        placement: The only sensor, as UTD-MHAD has it; all by default.
        rename: New names of the sensors that are kept; all by default.
    """
    classes = list(dataset_class.METAINFO.get('classes', ('a', 'b')))
    name = dataset_class.METAINFO.get('dataset_name', 'own')
    metainfo = dict(
        dataset_name=name, classes=classes, skeleton='coco', format_version=1
    )
    for split in ('train', 'val', 'test'):
        source = SyntheticMotionDataset(
            split=split,
            num_subjects=2,
            takes_per_subject=1,
            take_sec=12.0,
            # One person a scene, where windows are centred in segments.
            people=(1, 1) if placement else (1, 4),
            lazy_init=True,
        )
        entries = []
        for entry in source.load_entries():
            recording = source.get_recording(entry)
            take = entry['take']
            imu = recording.imu
            if placement:
                sensor = imu['right_wrist']
                channels = {k: sensor.channels[k] for k in ('acc', 'gyro')}
                imu = {placement: SensorStream(sensor.clock, channels)}
            if rename:
                imu = {new: imu[old] for old, new in rename.items()}
            files = dict(
                imu=f'imu/{take}.safetensors', pose=f'pose/{take}.safetensors'
            )
            write_imu(root / files['imu'], imu)
            write_pose(root / files['pose'], recording.pose)
            segments = [
                dict(segment, label=segment['label'] % len(classes))
                for segment in entry['segments']
            ]
            entries.append(dict(entry, **files, segments=segments))
        write_annotations(
            root / 'annotations' / f'{split}.json', metainfo, entries
        )

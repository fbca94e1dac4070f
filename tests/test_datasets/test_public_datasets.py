import pytest

from mobind_mm.datasets import (
    EgoHumansDataset,
    MRIDataset,
    TotalCaptureDataset,
    UTDMHADDataset,
)
from mobind_mm.recordings import write_annotations
from mobind_mm.registry import DATASETS


@pytest.mark.parametrize(
    ('dataset', 'num_classes'),
    [
        (UTDMHADDataset, 27),
        (TotalCaptureDataset, 4),
        (MRIDataset, 13),
        (EgoHumansDataset, 0),
    ],
)
def test_meta_information_and_missing_data(dataset, num_classes, tmp_path):
    classes = dataset.METAINFO.get('classes', ())
    assert len(classes) == len(set(classes)) == num_classes
    with pytest.raises(FileNotFoundError) as caught:
        DATASETS.build(
            {
                'type': dataset.__name__,
                'data_root': str(tmp_path / 'absent'),
                'ann_file': 'annotations/train.json',
            }
        )
    message = str(caught.value)
    name = dataset.METAINFO['dataset_name']
    assert f'`mobind convert {name}`' in message
    assert dataset.SOURCE in message and '\n' not in message


def test_classes_of_egohumans_come_from_the_file(tmp_path):
    entry = {
        'take': '01_tagging_001',
        'start_s': 0.0,
        'end_s': 9.0,
        'segments': [{'start_s': 0.0, 'end_s': 9.0, 'label': 0}],
    }
    metainfo = {'classes': ['tagging'], 'skeleton': 'coco'}
    write_annotations(tmp_path / 'train.json', metainfo, [entry])
    dataset = EgoHumansDataset(
        ann_file='train.json', data_root=str(tmp_path), window_sec=5.0
    )
    assert dataset.metainfo['classes'] == ['tagging']
    assert dataset.metainfo['dataset_name'] == 'egohumans'
    assert len(dataset) == 3  # at 0, 2 and 4 s


def test_annotations_of_another_data_set_are_refused(tmp_path):
    metainfo = {'dataset_name': 'utd_mhad', 'classes': ['wave']}
    write_annotations(tmp_path / 'train.json', metainfo, [])
    for dataset, words in (
        (MRIDataset, "dataset_name is 'utd_mhad'"),
        (UTDMHADDataset, r"classes is \['wave'\]"),
    ):
        with pytest.raises(ValueError, match=words):
            dataset(ann_file='train.json', data_root=str(tmp_path))

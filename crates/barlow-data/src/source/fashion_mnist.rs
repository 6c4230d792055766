//! Fashion-MNIST, where the system or the user keeps it.

use std::path::{Path, PathBuf};

use super::{Idx, SourceError, Split};

/// What the labels 0 to 9 mean (the data set's own table).
const CLASSES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// Below a user's data folder: the folder itself, its subfolder, and torchvision's layout.
const PLACES: [&str; 3] = ["", "fashion-mnist", "FashionMNIST/raw"];

/// Where systems keep it; the first is that of Debian's package.
const SYSTEM_FOLDERS: [&str; 3] = [
    "/usr/share/datasets/fashion-mnist",
    "/usr/local/share/datasets/fashion-mnist",
    "/usr/share/fashion-mnist",
];

/// Opens one half of the data set: 60,000 training or 10,000 test images, 28 x 28 grey.
pub(super) fn open(split: Split, data_folders: &[PathBuf]) -> Result<Idx, SourceError> {
    let searched: Vec<PathBuf> = data_folders
        .iter()
        .flat_map(|folder| PLACES.map(|place| folder.join(place)))
        .chain(SYSTEM_FOLDERS.map(PathBuf::from))
        .collect();
    let part = match split {
        Split::Train => "train",
        Split::Test => "t10k",
    };
    let images = format!("{part}-images-idx3-ubyte");
    let labels = format!("{part}-labels-idx1-ubyte");
    for folder in &searched {
        if let (Some(images), Some(labels)) = (find(folder, &images), find(folder, &labels)) {
            return Ok(Idx::open(&images, Some(&labels))?.with_class_names(&CLASSES));
        }
    }
    Err(SourceError::NoFashionMnist { searched, wanted: format!("{images}.gz") })
}

/// The file, compressed or not.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    [format!("{name}.gz"), name.to_owned()]
        .into_iter()
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    #[test]
    fn the_installed_data_set_is_the_published_one() {
        let (Ok(train), Ok(test)) = (open(Split::Train, &[]), open(Split::Test, &[])) else {
            println!("skipped: Fashion-MNIST is not installed");
            return;
        };
        assert_eq!((train.len(), test.len()), (60_000, 10_000));
        // The first ten labels, as torchvision's FashionMNIST(...).targets[:10] gives them.
        let labels: Vec<_> = (0..10).filter_map(|id| train.label(id)).collect();
        assert_eq!(labels, [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]);
        assert_eq!(train.classes()[9], "Ankle boot");
        // Each class has a tenth of the images.
        assert_eq!((0..60_000).filter(|&id| train.label(id) == Some(4)).count(), 6_000);
        let image = train.load(0).unwrap();
        assert_eq!(image.shape(), [1, 28, 28]);
        // The mean pixel of the training images, known as 0.2860 of 255.
        let sum: u64 = train_pixels(&train);
        assert!((sum as f64 / (60_000.0 * 784.0 * 255.0) - 0.2860).abs() < 5e-5);
    }

    fn train_pixels(train: &Idx) -> u64 {
        (0..train.len())
            .map(|id| {
                train.load(id).unwrap().to_8_bit().pixels.iter().map(|&p| u64::from(p)).sum::<u64>()
            })
            .sum()
    }

    #[test]
    fn a_missing_data_set_says_where_it_was_looked_for_and_how_to_get_it() {
        let folder = PathBuf::from("no-such-folder");
        let Err(error) = open(Split::Test, &[folder]) else {
            println!("skipped: Fashion-MNIST is installed");
            return;
        };
        let message = error.to_string();
        for part in ["no-such-folder", "dataset-fashion-mnist", "BARLOW_DATA", "t10k-images"] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn the_user_s_folder_goes_before_the_system_s() {
        for place in PLACES {
            let folder = tempfile::tempdir().unwrap();
            let inner = folder.path().join(place);
            std::fs::create_dir_all(&inner).unwrap();
            let images = [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 77];
            std::fs::write(inner.join("train-images-idx3-ubyte"), images).unwrap();
            std::fs::write(inner.join("train-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 1, 2])
                .unwrap();
            let source = open(Split::Train, &[folder.path().to_owned()]).unwrap();
            assert_eq!(source.load(0).unwrap().to_8_bit().pixels, [77], "{place}");
            assert_eq!(source.classes()[source.label(0).unwrap()], "Pullover");
        }
    }
}
